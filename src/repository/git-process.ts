import { spawn } from "node:child_process";
import { dirname } from "node:path";
import type { Readable, Writable } from "node:stream";
import { repositoryError, systemErrorCode } from "./clone-errors.ts";
import { withoutCredentials } from "./git-url.ts";

export interface GitCall {
  args: readonly string[];
  /** The working folder. */
  folder: string;
  /** As `remoteGitEnvironment` or `localGitEnvironment` made it. */
  environment: Record<string, string>;
  signal: AbortSignal;
}

export interface GitOutcome {
  exitCode: number;
  /** The last 16 KiB, without credentials. */
  stderr: string;
}

/** A git that runs; disposing of it kills it and what it started. */
export interface RunningGit extends AsyncDisposable {
  stdin: Writable;
  stdout: Readable;
  /** Rejects with the signal's reason, or if there is no git. */
  outcome: Promise<GitOutcome>;
}

export type GitEnvironment = Readonly<Record<string, string | undefined>>;

/** What a repository or a person's own settings could make git do, switched off in every call. */
const safeConfiguration = [
  "core.hooksPath=/dev/null",
  "core.fsmonitor=false",
  "core.symlinks=false",
  "core.pager=cat",
  "core.askPass=",
  "submodule.recurse=false",
  "fetch.recurseSubmodules=false",
  // A single pack file makes the download's size cheap to watch.
  "fetch.unpackLimit=1",
  "fetch.writeCommitGraph=false",
  // A transfer that stands still for five minutes ends, also when nobody is left to stop it.
  "http.lowSpeedLimit=1",
  "http.lowSpeedTime=300",
  "gc.auto=0",
  "maintenance.auto=false",
  "filter.lfs.process=",
  "filter.lfs.smudge=",
  "filter.lfs.clean=",
  "filter.lfs.required=false",
  "advice.detachedHead=false",
].flatMap((setting) => ["-c", setting]);

/** Of git's own variables only these pass: others move the repository, run programs or trace into files. */
const passedGitVariables = new Set(["GIT_SSL_CAINFO", "GIT_SSL_CAPATH", "GIT_SSL_CERT", "GIT_SSL_KEY"]);
const killDelayMs = 2_000;
const maxStderrBytes = 16 * 1024;

export function remoteGitEnvironment(environment: GitEnvironment): Record<string, string> {
  const ssh = environment.GIT_SSH_COMMAND ?? "ssh";
  return {
    ...passedThrough(environment),
    ...commonEnvironment,
    GIT_ALLOW_PROTOCOL: "https:ssh",
    GIT_SSH_COMMAND: `${ssh} -o BatchMode=yes -o ConnectTimeout=30`,
    GIT_SSH_VARIANT: "ssh",
  };
}

/**
 * With a login for this URL alone, or without redirects, or both. A login goes by the environment, which other accounts
 * cannot read and no file keeps; the person's own headers for the URL are dropped, and no redirect is followed with it: git
 * would take the login along to wherever it leads.
 */
export function confinedTo(
  url: string,
  { authorization, followsRedirects }: { authorization: string | null; followsRedirects: boolean },
  environment: Record<string, string>,
): Record<string, string> {
  if (authorization === null && followsRedirects) return environment;
  if (/[^\x20-\x7e]/.test(authorization ?? "")) throw new Error("An Authorization header has to be one line of ASCII.");
  const login = [
    ["extraHeader", ""],
    ["extraHeader", `Authorization: ${authorization}`],
  ];
  const settings = [...(authorization === null ? [] : login), ["followRedirects", "false"]];
  const entries = settings.flatMap(([name, value = ""], index) => [
    [`GIT_CONFIG_KEY_${index}`, `http.${url}.${name}`],
    [`GIT_CONFIG_VALUE_${index}`, value],
  ]);
  return { ...environment, GIT_CONFIG_COUNT: String(settings.length), ...Object.fromEntries(entries) };
}

/** For folders whose own configuration is not trusted: no network, and nobody's settings but ours. */
export function localGitEnvironment(environment: GitEnvironment): Record<string, string> {
  return {
    ...passedThrough({ PATH: environment.PATH, HOME: environment.HOME, TMPDIR: environment.TMPDIR }),
    ...commonEnvironment,
    GIT_ALLOW_PROTOCOL: "none",
    GIT_NO_LAZY_FETCH: "1",
    GIT_CONFIG_GLOBAL: "/dev/null",
    GIT_CONFIG_NOSYSTEM: "1",
  };
}

/** Runs git to its end with its output in memory. */
export async function runGit(call: GitCall & { maxOutputBytes?: number }): Promise<GitOutcome & { stdout: Buffer }> {
  await using git = startGit(call);
  git.stdin.end();
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of git.stdout as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    size += chunk.length;
    if (size > (call.maxOutputBytes ?? 256 * 1024 ** 2)) {
      throw repositoryError({
        code: "repository-too-large",
        userMessage:
          "The repository has too many files or branches to list: give a local folder with the part to distil.",
      });
    }
  }
  return { ...(await git.outcome), stdout: Buffer.concat(chunks) };
}

export function startGit({ args, folder, environment, signal }: GitCall): RunningGit {
  signal.throwIfAborted();
  // A group of its own, so that the helpers git starts (git-remote-https, index-pack, ssh) end with it.
  const child = spawn("git", [...safeConfiguration, ...args], {
    cwd: folder,
    // Whatever repository the output folder lies in stays out of it.
    env: { ...environment, GIT_CEILING_DIRECTORIES: dirname(folder) },
    detached: true,
  });
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr = (stderr + text).slice(-maxStderrBytes);
  });
  // git may end before it has read everything; its exit status tells.
  child.stdin.on("error", () => undefined);
  let killTimer: NodeJS.Timeout | undefined;
  const stop = () => {
    signalGroup(child.pid, "SIGTERM");
    killTimer = setTimeout(() => signalGroup(child.pid, "SIGKILL"), killDelayMs);
  };
  signal.addEventListener("abort", stop, { once: true });
  const closed = new Promise<number>((resolve, reject) => {
    child.once("error", (error) => reject(systemErrorCode(error) === "ENOENT" ? gitMissing(error) : error));
    child.once("close", (code) => resolve(code ?? 128));
  }).finally(() => {
    signal.removeEventListener("abort", stop);
    clearTimeout(killTimer);
  });
  const outcome = closed.then((exitCode) => {
    signal.throwIfAborted();
    return { exitCode, stderr: hideLogin(withoutCredentials(stderr), environment) };
  });
  outcome.catch(() => undefined);
  return {
    stdin: child.stdin,
    stdout: child.stdout,
    outcome,
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null && child.signalCode === null) stop();
      child.stdout.destroy();
      await closed.catch(() => undefined);
    },
  };
}

const commonEnvironment = {
  LC_ALL: "C",
  GIT_TERMINAL_PROMPT: "0",
  GIT_ASKPASS: "",
  SSH_ASKPASS: "",
  GIT_LFS_SKIP_SMUDGE: "1",
  GIT_OPTIONAL_LOCKS: "0",
  GIT_NO_REPLACE_OBJECTS: "1",
  GCM_INTERACTIVE: "never",
};

/** A server may send back what it was sent. */
function hideLogin(text: string, environment: Record<string, string>): string {
  const header = Object.values(environment).find((value) => value.startsWith("Authorization: ")) ?? "";
  const credentials = header.split(" ").at(-1) ?? "";
  const password = Buffer.from(credentials, "base64").toString("latin1").split(":").slice(1).join(":");
  return [credentials, password]
    .filter((secret) => secret !== "")
    .reduce((shown, secret) => shown.replaceAll(secret, "[redacted]"), text);
}

function passedThrough(environment: GitEnvironment): Record<string, string> {
  const passed: Record<string, string> = {};
  for (const [name, value] of Object.entries(environment)) {
    if (value === undefined || (name.startsWith("GIT_") && !passedGitVariables.has(name))) continue;
    passed[name] = value;
  }
  return passed;
}

function signalGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch {
    // It has ended already.
  }
}

function gitMissing(cause: unknown) {
  return repositoryError({
    code: "git-missing",
    userMessage: "git is not installed: install it (Debian, Ubuntu: apt-get install git).",
    cause,
  });
}
