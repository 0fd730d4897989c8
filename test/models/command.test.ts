import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { CancelledError } from "../../src/errors.ts";
import { type CommandClientOptions, createCommandClient } from "../../src/models/command.ts";
import { colour, question } from "./scripted-endpoint.ts";

describe("a command as a model", () => {
  it("reads the prompt and writes the answer, piece by piece", async () => {
    const pieces: string[] = [];
    const completion = await shell("cat; echo; echo").complete(question(), { onText: (piece) => pieces.push(piece) });
    expect(completion).toEqual({
      text: "You are brief.\n\nSay hello.",
      stop: { unified: "end", raw: "exit 0" },
      usage: null,
    });
    expect(pieces.join("")).toBe("You are brief.\n\nSay hello.\n\n\n");
  });

  it("costs nothing that anybody knows of", () => {
    expect(shell("cat")).toMatchObject({ name: "command/sh", provider: "command", billed: false });
  });

  it("is told who said what, and the shape of the answer at the end", async () => {
    const messages = [
      { role: "user" as const, parts: [{ text: "One" }, { text: "Two" }] },
      { role: "assistant" as const, parts: [{ text: "Three" }] },
      { role: "user" as const, parts: [{ text: "Four" }] },
    ];
    const { text } = await shell("cat").complete(question({ messages, answer: colour }), {});
    expect(text).toMatch(
      /^You are brief\.\n\n## User\n\nOne\n\nTwo\n\n## Assistant\n\nThree\n\n## User\n\nFour\n\nAnswer with a single JSON value/,
    );
    expect(text).toMatch(/"required": \[\s*"name"\s*\]/);
  });

  it("runs in an empty folder that is gone afterwards, with the environment it is given", async () => {
    const { text } = await shell("pwd; ls -A; echo $GREETING").complete(question(), {});
    const [folder, greeting, ...rest] = text.split("\n");
    expect([greeting, rest]).toEqual(["hello", []]);
    expect(existsSync(folder ?? "")).toBe(false);
    expect(folder).not.toBe(process.cwd());
  });

  it("is given its arguments as they are", async () => {
    const { text } = await command({ program: "printf", args: ["%s|", "$HOME", "a b", ";"] }).complete(question(), {});
    expect(text).toBe("$HOME|a b|;|");
  });

  it("may answer without reading its prompt", async () => {
    const messages = [{ role: "user" as const, parts: [{ text: "x".repeat(2_000_000) }] }];
    const { text } = await shell("exec 0<&-; echo done").complete(question({ messages }), {});
    expect(text).toBe("done");
  });

  it("fails with the last line that it wrote to standard error", async () => {
    const failing = shell("echo ignored >&2; printf 'no \\033[31mquota\\n\\n' >&2; echo partial; exit 3");
    await expect(failing.complete(question(), {})).rejects.toMatchObject({
      code: "model-command-failed",
      retryable: true,
      userMessage: "The program sh of --model failed (exit status 3): no  [31mquota",
    });
    await expect(shell("kill -9 $$").complete(question(), {})).rejects.toMatchObject({
      userMessage: "The program sh of --model failed (SIGKILL)",
    });
  });

  it("is told to be missing", async () => {
    for (const program of ["no-such-program-anywhere", "/no/such/program", "./package.json"]) {
      await expect(command({ program, args: [] }).complete(question(), {})).rejects.toMatchObject({
        code: "model-command-missing",
        retryable: false,
        userMessage: `The program ${program} of --model cannot be started: install it, or give its full path.`,
      });
    }
  });

  it("has to answer something", async () => {
    await expect(shell("echo ' '; echo why >&2").complete(question(), {})).rejects.toMatchObject({
      code: "model-command-empty",
      userMessage: "The program sh of --model answered nothing: why",
    });
  });

  it("is ended when it writes too much", async () => {
    await expect(shell("yes", { maxAnswerBytes: 100_000 }).complete(question(), {})).rejects.toMatchObject({
      code: "model-answer-endless",
      retryable: false,
    });
  });

  it("is ended with all it started when its time is over", async () => {
    const file = pidFile();
    const slow = shell(`sleep 300 & echo $! > ${file}; wait`, { timeLimitMs: 300 });
    await expect(slow.complete(question(), {})).rejects.toMatchObject({
      code: "model-timed-out",
      retryable: true,
      userMessage: "The program sh of --model did not finish within 0.3 s: try again, or use another --model.",
    });
    await expect.poll(() => isAlive(file)).toBe(false);
  });

  it("is ended by force when it ignores the request to end", async () => {
    const stubborn = shell("trap '' TERM; while :; do sleep 0.1; done", { timeLimitMs: 100 });
    await expect(stubborn.complete(question(), {})).rejects.toMatchObject({ code: "model-timed-out" });
  });

  it("takes along what it leaves behind", async () => {
    const file = pidFile();
    const { text } = await shell(`sleep 300 & echo $! > ${file}; echo done`).complete(question(), {});
    expect(text).toBe("done");
    await expect.poll(() => isAlive(file)).toBe(false);
  });

  it("is not waited for when something that left its group holds its output", async () => {
    const file = pidFile();
    const { text } = await shell(`setsid sleep 30 & echo $! > ${file}; echo done; sleep 0.2`).complete(question(), {});
    expect(text).toBe("done");
    process.kill(Number(readFileSync(file, "utf8")), "SIGKILL");
  });

  it("is cancelled before and while it runs", async () => {
    const file = pidFile();
    const controller = new AbortController();
    const running = shell(`sleep 300 & echo $! > ${file}; echo begun; wait`);
    const completing = running.complete(question(), { signal: controller.signal, onText: () => controller.abort() });
    await expect(completing).rejects.toBeInstanceOf(CancelledError);
    await expect.poll(() => isAlive(file)).toBe(false);
    const aborted = shell("cat").complete(question(), { signal: AbortSignal.abort() });
    await expect(aborted).rejects.toBeInstanceOf(CancelledError);
  });

  it("ends when the listener to its pieces fails", async () => {
    const completing = shell("echo x; sleep 300").complete(question(), {
      onText: () => {
        throw new RangeError("mine");
      },
    });
    await expect(completing).rejects.toBeInstanceOf(RangeError);
  });
});

function shell(script: string, options: Partial<CommandClientOptions> = {}) {
  return command({ program: "sh", args: ["-c", script], ...options });
}

function command(options: Pick<CommandClientOptions, "program" | "args"> & Partial<CommandClientOptions>) {
  return createCommandClient({
    name: `command/${options.program}`,
    environment: { PATH: "/usr/bin:/bin", GREETING: "hello" },
    ...options,
  });
}

function pidFile(): string {
  const folder = mkdtempSync(join(tmpdir(), "codedistiller-test-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return join(folder, "pid");
}

function isAlive(file: string): boolean {
  try {
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${readFileSync(file, "utf8").trim()}/stat`, "utf8"));
  } catch {
    return false;
  }
}
