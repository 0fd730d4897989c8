import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { readdir, realpath, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { PythonInterpreter } from "../sandbox.ts";
import { isWithin } from "./place.ts";

export interface HostInterpreters {
  pythons: PythonInterpreter[];
  /** Folders of interpreters that lie outside /usr and have to be shown. */
  prefixes: string[];
}

/** Written for Python 2.7 and later. */
const question = `
import json, os, platform, sys
try:
    import sysconfig
    include = sysconfig.get_path("include") or ""
except Exception:
    include = ""
base = os.path.realpath(getattr(sys, "base_prefix", getattr(sys, "real_prefix", sys.prefix)))
print(json.dumps({
    "version": platform.python_version(),
    "base": base,
    "executable": os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable),
    "hasHeaders": os.path.exists(os.path.join(include, "Python.h")),
}))
`;
const answerMs = 10_000;

/**
 * Finds the Python interpreters of this machine: the system's first, then those on the path. A folder of version
 * manager shims stands for all versions beside it. `privateFolder` is never shown, nor anything above it.
 */
export async function findInterpreters(options: {
  hostPath: string;
  privateFolder: string;
  /** Whether programs run as another account, which must be allowed to read an interpreter. */
  otherAccount: boolean;
}): Promise<HostInterpreters> {
  const candidates = await listCandidates(["/usr/bin", "/usr/local/bin", ...options.hostPath.split(":")]);
  const answers = await Promise.all(candidates.map(ask));
  const pythons = new Map<string, PythonInterpreter>();
  const prefixes = new Set<string>();
  for (const answer of answers) {
    if (answer === null || pythons.has(answer.executable)) continue;
    const inSystem = isWithin(answer.executable, "/usr") && isWithin(answer.base, "/usr");
    if (!inSystem && !(await isShowable(answer, options))) continue;
    if (!inSystem) prefixes.add(answer.base);
    const { executable, version, hasHeaders } = answer;
    pythons.set(executable, { path: executable, version, hasHeaders });
  }
  return { pythons: [...pythons.values()], prefixes: [...prefixes] };
}

interface Answer {
  version: string;
  base: string;
  executable: string;
  hasHeaders: boolean;
}

async function listCandidates(folders: readonly string[]): Promise<string[]> {
  const found = new Set<string>();
  for (const folder of new Set(folders)) {
    if (!folder.startsWith("/")) continue;
    const versions = join(dirname(folder), "versions");
    const real =
      basename(folder) === "shims" && existsSync(versions)
        ? (await list(versions)).map((version) => join(versions, version, "bin"))
        : [folder];
    for (const bin of real) {
      for (const name of await list(bin)) {
        if (!/^python(\d(\.\d+)?)?$/.test(name)) continue;
        const target = await realpath(join(bin, name)).catch(() => null);
        // The link of a virtual environment leads to an interpreter that would be found anyway.
        if (target !== null) found.add(target);
      }
    }
  }
  return [...found];
}

function ask(path: string): Promise<Answer | null> {
  return new Promise((resolve) => {
    const options = { env: { PATH: "/usr/bin:/bin", LC_ALL: "C" }, timeout: answerMs, cwd: "/" };
    execFile(path, ["-E", "-s", "-c", question], options, (error, stdout) => {
      try {
        resolve(error === null ? (JSON.parse(stdout) as Answer) : null);
      } catch {
        resolve(null);
      }
    });
  });
}

/** An interpreter is shown with its whole prefix, so the prefix must be its own and not, say, a home folder. */
async function isShowable(
  { base, executable }: Answer,
  { privateFolder, otherAccount }: { privateFolder: string; otherAccount: boolean },
): Promise<boolean> {
  const depth = base.split("/").length - 1;
  const taken = ["/work", "/tmp", "/etc", "/proc", "/dev", "/sys", "/run", "/var"];
  if (depth < 2 || /^\/home\/[^/]+$/.test(base) || base.endsWith("/.local")) return false;
  if (taken.some((folder) => isWithin(base, folder)) || isWithin(privateFolder, base)) return false;
  if (!isWithin(executable, base)) return false;
  if (!otherAccount) return true;
  const [folder, file] = await Promise.all([stat(base), stat(executable)]);
  return (folder.mode & 0o005) === 0o005 && (file.mode & 0o005) === 0o005;
}

function list(folder: string): Promise<string[]> {
  return readdir(folder).catch(() => []);
}
