import { execFile } from "node:child_process";
import type { Terminal } from "../terminal.ts";

/** What was found out about one thing that a run may need. */
export interface Finding {
  name: string;
  /** `missing` stops a run; `limited` narrows what can be distilled; `absent` is not there, and nothing needs it. */
  state: "found" | "limited" | "missing" | "absent";
  detail: string;
  /** What to do; empty where nothing is to be done. */
  advice: string;
}

/** The first line that a program prints; null where it cannot be run. */
export function firstLineOf(
  program: string,
  argv: readonly string[],
  { environment }: Terminal,
): Promise<string | null> {
  return new Promise((resolve) => {
    execFile(program, argv, { env: { PATH: environment.PATH ?? "/usr/bin:/bin" }, timeout: 10_000 }, (error, stdout) =>
      resolve(error ? null : (stdout.split("\n")[0]?.trim() ?? "")),
    );
  });
}
