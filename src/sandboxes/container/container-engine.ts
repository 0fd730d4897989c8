import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { z } from "zod";
import { parseBoundedJson } from "../../bounded-json.ts";
import { CancelledError, SandboxError } from "../../errors.ts";
import { endEngineCall } from "./end-engine-call.ts";

/** Docker or Podman, by its command line: both understand what is asked here, and rootless or remote set-ups come with it. */
export interface ContainerEngine {
  name: "docker" | "podman";
  version: string;
  /** Whether containers are on this machine, so that its folders can be shown in them. */
  isLocal: boolean;
  /** Runs one command of the engine to its end; throws SandboxError where that takes longer than allowed. */
  run(argv: readonly string[], options?: EngineCallOptions): Promise<EngineAnswer>;
  /** Starts one that is talked with. */
  start(argv: readonly string[]): ChildProcessWithoutNullStreams;
}

export interface EngineCallOptions {
  timeoutMs?: number;
  input?: string;
  /** Called with each line of both streams. */
  onLine?: (line: string) => void;
  /** How long it may go on when it was cancelled, in milliseconds, where ending it would leave something half done. */
  patienceMs?: number;
  signal?: AbortSignal | undefined;
}

export interface EngineAnswer {
  worked: boolean;
  stdout: string;
  stderr: string;
}

export type EngineName = ContainerEngine["name"];

/** Longest call that nobody gave a limit, in milliseconds. */
const callMs = 120_000;
/** How long an engine may take to say that it is there, in milliseconds. */
const findingMs = 20_000;
const keptCharacters = 1 << 20;

/** What of our environment tells an engine where its parts are. */
const engineVariables =
  /^(PATH|HOME|USER|LOGNAME|TMPDIR|XDG_\w+|DBUS_SESSION_BUS_ADDRESS|DOCKER_\w+|CONTAINERS?_\w+|STORAGE_\w+|(https?|no)_proxy|(HTTPS?|NO)_PROXY)$/;

export interface FindEngineOptions {
  environment: Readonly<Record<string, string | undefined>>;
  /** Docker, then Podman, where nobody chose. */
  wanted?: EngineName | undefined;
  signal?: AbortSignal | undefined;
}

/** Finds an engine that answers. Throws SandboxError, code `sandbox-unavailable`, which says of each why it does not. */
export async function findContainerEngine({
  environment,
  wanted,
  signal,
}: FindEngineOptions): Promise<ContainerEngine> {
  const variables = Object.fromEntries(Object.entries(environment).filter(([name]) => engineVariables.test(name)));
  const problems: string[] = [];
  for (const name of wanted ? [wanted] : (["docker", "podman"] as const)) {
    const answer = await call(name, variables, versionCommand, { timeoutMs: findingMs, signal }).catch(asAnswer);
    const version = answer.worked ? readVersion(answer.stdout) : null;
    if (version === null) {
      problems.push(`${name}: ${lastLine(answer.stderr) || "it gave no version"}`);
      continue;
    }
    const host = environment[name === "docker" ? "DOCKER_HOST" : "CONTAINER_HOST"] ?? "";
    return {
      name,
      version,
      isLocal: host === "" || host.startsWith("unix:"),
      run: (argv, options = {}) => call(name, variables, argv, options),
      start: (argv) => open(name, variables, argv),
    };
  }
  throw new SandboxError({
    code: "sandbox-unavailable",
    userMessage: `No container engine answers (${problems.join("; ")}): install Podman or Docker, or start its service.`,
  });
}

/** An engine that does not answer is one that is not there. */
function asAnswer(error: unknown): EngineAnswer {
  if (error instanceof SandboxError) return { worked: false, stdout: "", stderr: error.userMessage };
  throw error;
}

const versionCommand = ["version", "--format", "{{json .}}"];
/** Docker names the service `Server`; Podman has one only where it is remote. */
const Version = z.object({
  Server: z.object({ Version: z.string() }).nullish(),
  Client: z.object({ Version: z.string() }),
});

function readVersion(text: string): string | null {
  const parsed = Version.safeParse(parseBoundedJson(text)?.value);
  return parsed.success ? (parsed.data.Server ?? parsed.data.Client).Version : null;
}

function open(
  name: EngineName,
  variables: Record<string, string | undefined>,
  argv: readonly string[],
): ChildProcessWithoutNullStreams {
  // A Ctrl-C in the terminal reaches us alone; what happens then is the caller's decision.
  return spawn(name, argv, { env: variables, cwd: "/", detached: true, stdio: ["pipe", "pipe", "pipe"] });
}

async function call(
  name: EngineName,
  variables: Record<string, string | undefined>,
  argv: readonly string[],
  { timeoutMs = callMs, input = "", onLine, patienceMs = 0, signal }: EngineCallOptions,
): Promise<EngineAnswer> {
  if (signal?.aborted) throw new CancelledError(signal.reason);
  const child = open(name, variables, argv);
  const text = { stdout: "", stderr: "" };
  for (const stream of ["stdout", "stderr"] as const) {
    const lines = createLineReader(onLine);
    child[stream].setEncoding("utf8").on("data", (chunk: string) => {
      text[stream] = (text[stream] + chunk).slice(-keptCharacters);
      lines(chunk);
    });
  }
  child.stdin.on("error", () => undefined).end(input);
  let given: "cancelled" | "too-long" | null = null;
  const endings: Promise<void>[] = [];
  const giveUp = (reason: "cancelled" | "too-long") => () => {
    given ??= reason;
    endings.push(endEngineCall(child, { patienceMs: reason === "cancelled" ? patienceMs : 0 }));
  };
  const timer = setTimeout(giveUp("too-long"), timeoutMs);
  const cancel = giveUp("cancelled");
  signal?.addEventListener("abort", cancel, { once: true });
  const worked = await new Promise<boolean>((resolve) => {
    child.on("error", (error) => {
      text.stderr += error.message;
      resolve(false);
    });
    child.on("close", (code) => resolve(code === 0));
  });
  clearTimeout(timer);
  signal?.removeEventListener("abort", cancel);
  await Promise.all(endings);
  if (given === "cancelled") throw new CancelledError(signal?.reason);
  if (given === "too-long")
    throw new SandboxError({
      code: "sandbox-lost",
      userMessage: `${name} ${argv.find((word) => /^[a-z]+$/.test(word))} did not end within ${Math.round(timeoutMs / 1000)} s: see whether its service is well.`,
      retryable: true,
    });
  return { worked, ...text };
}

function createLineReader(onLine: ((line: string) => void) | undefined): (chunk: string) => void {
  let rest = "";
  return (chunk) => {
    if (!onLine) return;
    const lines = (rest + chunk).split(/[\r\n]+/);
    rest = (lines.pop() ?? "").slice(-4096);
    for (const line of lines) if (line.trim() !== "") onLine(line.trim());
  };
}

export function lastLine(text: string): string {
  return text.trim().split("\n").at(-1)?.slice(0, 300) ?? "";
}
