import { constants } from "node:os";
import { posix } from "node:path";
import { SandboxError } from "../errors.ts";
import type { RunCommandOptions } from "./sandbox.ts";

/** Variables that every program finds, unless its command says otherwise. */
export const baseEnvironment = {
  PATH: "/usr/local/bin:/usr/bin:/bin",
  HOME: "/work/home",
  TMPDIR: "/tmp",
  LANG: "C.UTF-8",
};

/** Node fires a longer timer at once. */
export const longestTimerMs = 2 ** 31 - 1;

/** A program ended by a signal is reported, as shells do it, as 128 and the signal's number. */
export function signalOf(code: number): NodeJS.Signals | null {
  const found = Object.entries(constants.signals).find(([, number]) => number === code - 128);
  return found === undefined ? null : (found[0] as NodeJS.Signals);
}

/** Throws SandboxError for a command that no sandbox runs. */
export function checkCommand({ argv, cwd }: RunCommandOptions): void {
  checkAbsolute(cwd);
  // env(1), the last link before the program, would take these for an option or a variable.
  if (argv[0] === "" || argv[0].startsWith("-") || argv[0].includes("=")) {
    const userMessage = `${JSON.stringify(argv[0])} is not the name of a program that can be run.`;
    throw new SandboxError({ code: "sandbox-command-refused", userMessage });
  }
}

/** A normal absolute path; throws SandboxError for one that is not absolute or could lead elsewhere. */
export function checkAbsolute(path: string): string {
  if (!path.startsWith("/") || path.includes("\0") || path.split("/").includes("..")) throw refusePath(path);
  return posix.normalize(path).replace(/(?<=.)\/$/, "");
}

/** For a sandbox that went away, or does not answer. */
export function lostSandbox(detail: string, cause?: unknown): SandboxError {
  return new SandboxError({
    code: "sandbox-lost",
    userMessage: `The sandbox was lost: ${detail}. The example is not to blame; try again.`,
    retryable: true,
    cause,
  });
}

export function refusePath(path: string): SandboxError {
  return new SandboxError({
    code: "sandbox-path-refused",
    userMessage: `The path ${JSON.stringify(path)} is not one that a sandbox offers for this.`,
  });
}
