import { lstat, realpath } from "node:fs/promises";
import { dirname, join, relative, sep } from "node:path";
import { oneLine, repositoryError } from "./clone-errors.ts";
import type { CloneJob } from "./clone-job.ts";
import { lastWords } from "./git-errors.ts";
import { type GitOutcome, localGitEnvironment, runGit } from "./git-process.ts";
import type { GitAccess } from "./git-tree.ts";
import { httpsFormOf } from "./git-url.ts";
import { checkRefName, unknownRef } from "./remote-refs.ts";

/** A folder of the host that lies in a git work tree, or is a bare repository. */
export interface GitFolder extends GitAccess {
  /** What was asked for, without links. */
  folder: string;
  /** The work tree's root; null for a bare repository. */
  top: string | null;
  /** Where `folder` lies below `top`, ending in `/`; empty for the root itself. */
  prefix: string;
}

/** Finds the repository by names alone: what its configuration says about its own place is not believed. Null where there is none. */
export async function findGitFolder(folder: string, job: CloneJob): Promise<GitFolder | null> {
  const root = await realpath(folder);
  const environment = localGitEnvironment(job.gitEnvironment);
  for (let top = root; ; top = dirname(top)) {
    const gitFolder = join(top, ".git");
    if (await isGit(gitFolder, environment, job)) {
      const prefix = relative(top, root).split(sep).join("/");
      return { folder: root, top, prefix: prefix === "" ? "" : `${prefix}/`, gitFolder, environment };
    }
    if (dirname(top) === top) break;
  }
  const looksBare = await Promise.all(["HEAD", "objects", "refs"].map((name) => exists(join(root, name))));
  if (!looksBare.every(Boolean) || !(await isGit(root, environment, job))) return null;
  return { folder: root, top: null, prefix: "", gitFolder: root, environment };
}

/** The full id of a commit; null where there is none yet. */
export async function resolveCommit(found: GitFolder, ref: string | null, job: CloneJob): Promise<string | null> {
  if (ref !== null) checkRefName(ref);
  const name = ref ?? "HEAD";
  const candidates = ref === null ? [name] : [name, `refs/remotes/origin/${name}`];
  for (const candidate of candidates) {
    const parsed = await callGit(found, ["rev-parse", "--quiet", "--verify", `${candidate}^{commit}`], job);
    if (parsed.exitCode === 0) return parsed.stdout.toString("utf8").trim();
  }
  if (ref !== null) throw unknownRef(job.name, ref, await listNames(found, job));
  const unborn = await callGit(found, ["rev-parse", "--quiet", "--verify", "HEAD"], job);
  if (unborn.exitCode !== 0) return null;
  throw repositoryError({
    code: "repository-corrupt",
    userMessage: `The git data of ${job.name} lacks its own commit: clone it anew, or give a copy without its .git folder.`,
  });
}

/** Where the folder was cloned from, as an https URL without credentials. */
export async function readOriginUrl(found: GitFolder, job: CloneJob): Promise<string | null> {
  const { exitCode, stdout } = await callGit(found, ["config", "--get", "remote.origin.url"], job);
  return exitCode === 0 ? httpsFormOf(stdout.toString("utf8").trim()) : null;
}

/** Calls git on the folder, with nothing of its configuration that runs programs in force. */
export function callGit(
  found: GitFolder,
  args: string[],
  job: CloneJob,
  signal: AbortSignal = job.signal,
): Promise<GitOutcome & { stdout: Buffer }> {
  const workTree = found.top === null ? [] : [`--work-tree=${found.top}`];
  return runGit({
    args: [`--git-dir=${found.gitFolder}`, ...workTree, "--literal-pathspecs", ...args],
    folder: found.folder,
    environment: found.environment,
    signal,
  });
}

async function isGit(gitFolder: string, environment: Record<string, string>, job: CloneJob): Promise<boolean> {
  if (!(await exists(gitFolder))) return false;
  const { exitCode, stderr } = await runGit({
    args: [`--git-dir=${gitFolder}`, "rev-parse", "--git-dir"],
    folder: job.workFolder,
    environment,
    signal: job.signal,
  });
  if (exitCode === 0) return true;
  // An empty or half-deleted `.git` is as good as none; what git does not understand is not.
  if (/not a git repository|invalid gitfile format/i.test(stderr)) return false;
  throw repositoryError({
    code: "repository-corrupt",
    userMessage: `The git data of ${oneLine(job.name)} cannot be read (${lastWords(stderr)}): give a copy without its .git folder.`,
  });
}

async function listNames(found: GitFolder, job: CloneJob): Promise<string[]> {
  const { stdout } = await callGit(found, ["for-each-ref", "--format=%(refname:lstrip=2)", "--count=5000"], job);
  return stdout
    .toString("utf8")
    .split("\n")
    .filter((name) => name !== "");
}

async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}
