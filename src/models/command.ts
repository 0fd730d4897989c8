import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { providerKeyVariables } from "../config.ts";
import { CancelledError, ModelError, throwIfCancelled } from "../errors.ts";
import { redactSecrets } from "../log.ts";
import { describeAnswer, textOf } from "./answer-shape.ts";
import type { CompletionOptions, CompletionRequest, ModelClient } from "./model.ts";

export interface CommandClientOptions {
  /** As in the configuration. */
  name: string;
  program: string;
  args: readonly string[];
  /** The program's own, but for the providers' keys: one that has a subscription would take them and bill them. */
  environment: Readonly<Record<string, string | undefined>>;
  timeLimitMs?: number | undefined;
  maxAnswerBytes?: number | undefined;
}

/** A program that reads a prompt and writes an answer; without a shell, in an empty folder of its own. */
export function createCommandClient(options: CommandClientOptions): ModelClient {
  return {
    name: options.name,
    provider: "command",
    billed: false,
    async complete(request, { onText, signal }) {
      throwIfCancelled(signal);
      await using folder = await createEmptyFolder();
      const run = startProgram(options, folder.path);
      run.child.stdin.end(writePrompt(request));
      const text = await readAnswer(run, { options, onText, signal });
      if (text.trim() === "") throw emptyAnswer(options.program, run.lastError());
      return { text: text.trim(), stop: { unified: "end", raw: "exit 0" }, usage: null };
    },
  };
}

/** The whole prompt as one text; headings where more than one has spoken. */
function writePrompt({ system, messages, answer }: CompletionRequest): string {
  const spoken = messages.map((message) =>
    messages.length === 1
      ? textOf(message)
      : `## ${message.role === "user" ? "User" : "Assistant"}\n\n${textOf(message)}`,
  );
  const texts = [system, ...spoken, answer === null ? "" : describeAnswer(answer)];
  return `${texts.filter((text) => text !== "").join("\n\n")}\n`;
}

const defaultTimeLimitMs = 15 * 60_000;
const defaultMaxAnswerBytes = 10 * 1000 ** 2;
/** What the program is given to end by itself once it was asked to, in milliseconds. */
const killDelayMs = 2_000;
/** Characters of standard error that are kept. */
const keptErrorCharacters = 4096;

interface ProgramRun {
  child: ChildProcessWithoutNullStreams;
  /** Rejects where the program cannot be started. */
  ended: Promise<{ code: number | null; signal: string | null }>;
  lastError(): string;
}

function startProgram({ program, args, environment }: CommandClientOptions, folder: string): ProgramRun {
  // A group of its own, so that whatever it starts ends with it. A path is meant from here, not from its folder.
  const child = spawn(program.includes("/") ? resolve(program) : program, [...args], {
    cwd: folder,
    env: withoutKeys(environment),
    detached: true,
  });
  let errors = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    errors = (errors + text).slice(-keptErrorCharacters);
  });
  // It may answer without having read everything.
  child.stdin.on("error", () => undefined);
  // What it leaves behind would hold its output open: its group ends here, and nobody waits for what left the group.
  let letGo: NodeJS.Timeout | undefined;
  child.once("exit", () => {
    signalGroup(child.pid, "SIGKILL");
    letGo = setTimeout(() => {
      child.stdout.destroy();
      child.stderr.destroy();
    }, killDelayMs);
  });
  child.once("close", () => clearTimeout(letGo));
  const ended = new Promise<{ code: number | null; signal: string | null }>((resolveEnd, reject) => {
    child.once("error", (error) => reject(cannotStart(program, error)));
    child.once("close", (code, signal) => resolveEnd({ code, signal }));
  });
  return { child, ended, lastError: () => lastLine(errors) };
}

function withoutKeys(environment: CommandClientOptions["environment"]): NodeJS.ProcessEnv {
  const keys: ReadonlySet<string> = new Set([...providerKeyVariables, "ANTHROPIC_AUTH_TOKEN"]);
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !keys.has(name)));
}

interface Reading extends CompletionOptions {
  options: CommandClientOptions;
}

async function readAnswer({ child, ended, lastError }: ProgramRun, reading: Reading): Promise<string> {
  const { program, timeLimitMs = defaultTimeLimitMs, maxAnswerBytes = defaultMaxAnswerBytes } = reading.options;
  let breach: Error | null = null;
  let killTimer: NodeJS.Timeout | undefined;
  const stop = (reason: Error) => {
    breach ??= reason;
    signalGroup(child.pid, "SIGTERM");
    killTimer ??= setTimeout(() => signalGroup(child.pid, "SIGKILL"), killDelayMs);
  };
  const cancel = () => stop(new CancelledError(reading.signal?.reason));
  const timer = setTimeout(() => stop(timedOut(program, timeLimitMs)), timeLimitMs);
  reading.signal?.addEventListener("abort", cancel, { once: true });
  if (reading.signal?.aborted) cancel();
  let text = "";
  let bytes = 0;
  child.stdout.setEncoding("utf8").on("data", (piece: string) => {
    if (breach !== null) return;
    bytes += Buffer.byteLength(piece);
    if (bytes > maxAnswerBytes) return stop(endless(program, maxAnswerBytes));
    text += piece;
    try {
      reading.onText?.(piece);
    } catch (error) {
      stop(error instanceof Error ? error : new Error(String(error)));
    }
  });
  try {
    const { code, signal } = await ended;
    if (breach !== null) throw breach;
    if (code !== 0) throw failed(program, { how: signal ?? `exit status ${code}`, lastError: lastError() });
    return text;
  } finally {
    clearTimeout(timer);
    clearTimeout(killTimer);
    reading.signal?.removeEventListener("abort", cancel);
  }
}

async function createEmptyFolder(): Promise<AsyncDisposable & { path: string }> {
  const path = await mkdtemp(join(tmpdir(), "codedistiller-command-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

function signalGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch {
    // It has ended already.
  }
}

function lastLine(text: string): string {
  const line =
    text
      .trimEnd()
      .split(/[\n\r]/)
      .at(-1) ?? "";
  return redactSecrets(line.replace(/[\p{Cc}\p{Cf}]+/gu, " ").trim()).slice(0, 300);
}

function cannotStart(program: string, cause: Error): ModelError {
  return new ModelError({
    code: "model-command-missing",
    userMessage: `The program ${program} of --model cannot be started: install it, or give its full path.`,
    cause,
  });
}

function failed(program: string, { how, lastError }: { how: string; lastError: string }): ModelError {
  return new ModelError({
    code: "model-command-failed",
    userMessage: `The program ${program} of --model failed (${how})${lastError === "" ? "" : `: ${lastError}`}`,
    retryable: true,
  });
}

function emptyAnswer(program: string, lastError: string): ModelError {
  return new ModelError({
    code: "model-command-empty",
    userMessage: `The program ${program} of --model answered nothing${lastError === "" ? ": it has to write its answer to standard output." : `: ${lastError}`}`,
    retryable: true,
  });
}

function timedOut(program: string, ms: number): ModelError {
  return new ModelError({
    code: "model-timed-out",
    userMessage: `The program ${program} of --model did not finish within ${ms / 1000} s: try again, or use another --model.`,
    retryable: true,
  });
}

function endless(program: string, bytes: number): ModelError {
  return new ModelError({
    code: "model-answer-endless",
    userMessage: `The program ${program} of --model wrote more than ${bytes / 1000 ** 2} MB: use another --model.`,
  });
}
