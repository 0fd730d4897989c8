import { execFile } from "node:child_process";
import { accessSync, constants, existsSync } from "node:fs";
import { join } from "node:path";
import { SandboxError } from "../../errors.ts";
import type { BubblewrapOptions } from "./bubblewrap.ts";

/**
 * Finds bubblewrap and has it make the namespaces that sandboxes are made of. Throws SandboxError, code
 * `sandbox-unavailable`, with what to install or to allow; there is no silent way on without it.
 */
export async function probeBubblewrap({ hostPath }: { hostPath: string }): Promise<BubblewrapOptions> {
  const path = findExecutable("bwrap", [...hostPath.split(":"), "/usr/bin", "/usr/local/bin", "/bin"]);
  if (path === null) {
    throw unavailable("bubblewrap is not installed: apt-get install bubblewrap", "");
  }
  const asRoot = process.getuid?.() === 0;
  const needed = ["env", "prlimit", ...(asRoot ? ["setpriv"] : [])].filter((name) => !existsSync(`/usr/bin/${name}`));
  if (needed.length > 0) {
    throw unavailable(`/usr/bin lacks ${needed.join(", ")}: apt-get install util-linux coreutils`, "");
  }
  const answer = await execute(path, ["--version"]);
  const [, major, minor] = /(\d+)\.(\d+)/.exec(answer.output) ?? [];
  const version = { major: Number(major ?? 0), minor: Number(minor ?? 0) };
  if (version.major === 0 && version.minor < 5) {
    throw unavailable(`bubblewrap 0.5 or later is needed, ${path} is ${answer.output.trim() || "something else"}`, "");
  }
  const namespaces = ["--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-net"];
  const user = asRoot ? [] : ["--unshare-user", "--uid", "1000"];
  const trial = await execute(path, [
    ...namespaces,
    ...user,
    "--ro-bind",
    "/",
    "/",
    "--proc",
    "/proc",
    "--dev",
    "/dev",
    "true",
  ]);
  if (!trial.worked) {
    const advice = asRoot
      ? "the container this runs in has to allow new namespaces"
      : "allow user namespaces to this account or run as root";
    throw unavailable(
      `bubblewrap is installed, but the kernel refuses it namespaces (${lastLine(trial.output)}): ${advice}`,
      trial.output,
    );
  }
  return { path, version, asRoot };
}

function findExecutable(name: string, folders: readonly string[]): string | null {
  for (const folder of folders.filter((folder) => folder.startsWith("/"))) {
    try {
      accessSync(join(folder, name), constants.X_OK);
      return join(folder, name);
    } catch {
      // Not in this one.
    }
  }
  return null;
}

function execute(path: string, argv: readonly string[]): Promise<{ worked: boolean; output: string }> {
  return new Promise((resolve) => {
    const options = { env: { PATH: "/usr/bin:/bin", LC_ALL: "C" }, timeout: 10_000, cwd: "/" };
    execFile(path, argv, options, (error, stdout, stderr) => {
      resolve({ worked: error === null, output: stdout + stderr || (error?.message ?? "") });
    });
  });
}

function lastLine(text: string): string {
  return text.trim().split("\n").at(-1)?.slice(0, 160) ?? "";
}

function unavailable(what: string, cause: string): SandboxError {
  return new SandboxError({
    code: "sandbox-unavailable",
    userMessage: `${what}; or run without isolation by --sandbox none.`,
    ...(cause === "" ? {} : { cause }),
  });
}
