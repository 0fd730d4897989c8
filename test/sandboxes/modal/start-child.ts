import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { ModalProviderOptions } from "../../../src/sandboxes/modal.ts";

export interface ChildOptions {
  stateFolder: string;
  /** `hold` runs a program until it is killed; `keep` takes a snapshot. */
  what: "use" | "hold" | "keep";
  options?: Partial<ModalProviderOptions>;
}

export interface Child {
  process: ChildProcess;
  /** What it said, one word a line. */
  said: string[];
  waitFor(word: string): Promise<void>;
  /** Milliseconds that it lived on after it was done; it is killed after some seconds. */
  ended: Promise<number>;
}

/** A process of ours that uses Modal by the variables of this one, and should end when it is done. */
export function startChild({ stateFolder, what, options = {} }: ChildOptions): Child {
  const main = fileURLToPath(new URL("child-main.ts", import.meta.url));
  const child = spawn(process.execPath, [main, stateFolder, what, JSON.stringify(options)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const said: string[] = [];
  const lines = createInterface({ input: child.stdout });
  let doneAt = 0;
  lines.on("line", (line) => {
    said.push(line);
    if (line !== "done") return;
    doneAt = performance.now();
    setTimeout(() => child.kill("SIGKILL"), longestMs).unref();
  });
  return {
    process: child,
    said,
    async waitFor(word) {
      while (!said.includes(word)) {
        if (child.exitCode !== null) throw new Error(`It ended without ${word}: ${said.join(", ")}`);
        await Promise.race([once(lines, "line"), once(child, "exit")]);
      }
    },
    ended: once(child, "exit").then(() => performance.now() - doneAt),
  };
}

const longestMs = 8_000;
