import { join } from "node:path";
import { hostRefused, tooLarge } from "./clone-errors.ts";
import type { AllowsHost, CloneJob } from "./clone-job.ts";
import { remoteGitError } from "./git-errors.ts";
import { confinedTo, type GitOutcome, remoteGitEnvironment, runGit } from "./git-process.ts";
import { withOptionalSuffix } from "./git-url.ts";
import {
  checkRefName,
  chooseTarget,
  fullCommitId,
  parseRemoteRefs,
  type RemoteRefs,
  type RemoteTarget,
  unknownRef,
} from "./remote-refs.ts";
import type { GitSource } from "./repository-source.ts";
import { watchFolderSize } from "./watch-folder-size.ts";

export interface FetchedCommit {
  /** A bare repository that holds at least the commit's files. */
  gitFolder: string;
  /** The full commit id. */
  commit: string;
  ref: string | null;
  /** What a web page's address named beside the ref. */
  subdirectory: string | null;
}

const localRef = "refs/codedistiller/target";
/** A list of 500,000 branches and tags. */
const maxRefBytes = 64 * 1024 ** 2;

/** Fetches one commit without history into a bare repository below the job's work folder; nothing is checked out. */
export async function fetchCommit(given: GitSource, ref: string | null, job: CloneJob): Promise<FetchedCommit> {
  if (ref !== null) checkRefName(ref);
  const source = job.allowsHost ? onAllowedHost(given, job.allowsHost) : given;
  job.onProgress({ phase: "connect", bytes: 0, files: 0 });
  const authorization = source.url.startsWith("https://") ? await job.gitAuthorization?.(source.url) : null;
  const remote: Remote = {
    source,
    job,
    environment: confinedTo(
      source.url,
      { authorization: authorization ?? null, followsRedirects: !job.allowsHost },
      remoteGitEnvironment(job.gitEnvironment),
    ),
  };
  const refs = await listRemoteRefs(remote);
  const target = chooseTarget(source, ref, refs);
  const gitFolder = join(job.workFolder, "git");
  const anyId = refs.head ?? refs.branches.values().next().value ?? refs.tags.values().next().value ?? "";
  await git(
    [
      "init",
      "--quiet",
      "--bare",
      "--template=",
      `--object-format=${anyId.length === 64 ? "sha256" : "sha1"}`,
      gitFolder,
    ],
    withoutLogin(remote),
  );
  await fetchWatched({ target, refs, gitFolder }, remote);
  return {
    gitFolder,
    commit: await readCommit(target, gitFolder, withoutLogin(remote)),
    ref: target.ref,
    subdirectory: target.subdirectory,
  };
}

/** As it is fetched where no redirect is followed. */
function onAllowedHost(source: GitSource, allowsHost: AllowsHost): GitSource {
  if (!source.url.startsWith("https://") || !allowsHost(new URL(source.url).host)) throw hostRefused(source.text);
  return { ...source, url: withOptionalSuffix(source.url) };
}

interface Remote {
  source: GitSource;
  job: CloneJob;
  /** What every git that connects gets. */
  environment: Record<string, string>;
}

/** For what does not connect. */
function withoutLogin(remote: Remote): Remote {
  return { ...remote, environment: remoteGitEnvironment(remote.job.gitEnvironment) };
}

async function listRemoteRefs(remote: Remote): Promise<RemoteRefs> {
  const args = ["ls-remote", "--quiet", "--", remote.source.url, "HEAD", "refs/heads/*", "refs/tags/*"];
  const { stdout } = await git(args, remote);
  return parseRemoteRefs(stdout.toString("utf8"));
}

interface Fetch {
  target: RemoteTarget;
  refs: RemoteRefs;
  gitFolder: string;
}

async function fetchWatched({ target, refs, gitFolder }: Fetch, remote: Remote): Promise<void> {
  const { source, job } = remote;
  const { maxBytes } = job.limits;
  await watchFolderSize(
    {
      folder: gitFolder,
      maxBytes,
      signal: job.signal,
      onSize: (bytes) => job.onProgress({ phase: "download", bytes, files: 0 }),
      exceeded: () => tooLarge(source.text, "the download", maxBytes),
    },
    async (signal) => {
      const call = { remote, gitFolder, signal };
      const shallow = await fetchRefs(call, ["--depth=1"], [`+${target.refspec}:${localRef}`]);
      if (shallow.exitCode === 0) return;
      if (!fullCommitId.test(target.refspec)) throw remoteGitError(source, shallow);
      if (/not our ref|couldn't find remote ref|no such remote ref/i.test(shallow.stderr)) {
        throw unknownRef(source.text, target.refspec, [...refs.branches.keys()]);
      }
      if (!/does not allow request for unadvertised object/i.test(shallow.stderr))
        throw remoteGitError(source, shallow);
      // An old server gives no bare commit: its whole history then, under the same limits of size and time.
      const whole = await fetchRefs(call, [], ["+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"]);
      if (whole.exitCode !== 0) throw remoteGitError(source, whole);
    },
  );
}

function fetchRefs(
  { remote, gitFolder, signal }: { remote: Remote; gitFolder: string; signal: AbortSignal },
  options: string[],
  refspecs: string[],
): Promise<GitOutcome> {
  return runGit({
    args: [
      `--git-dir=${gitFolder}`,
      "fetch",
      "--quiet",
      "--no-tags",
      "--no-recurse-submodules",
      "--no-write-fetch-head",
      ...options,
      "--",
      remote.source.url,
      ...refspecs,
    ],
    folder: remote.job.workFolder,
    environment: remote.environment,
    signal,
  });
}

async function readCommit(target: RemoteTarget, gitFolder: string, remote: Remote): Promise<string> {
  const { source, job, environment } = remote;
  const name = fullCommitId.test(target.refspec) ? target.refspec : localRef;
  const { exitCode, stdout } = await runGit({
    args: [`--git-dir=${gitFolder}`, "rev-parse", "--quiet", "--verify", `${name}^{commit}`],
    folder: job.workFolder,
    environment,
    signal: job.signal,
  });
  if (exitCode !== 0) throw unknownRef(source.text, target.ref ?? target.refspec, []);
  return stdout.toString("utf8").trim();
}

async function git(args: string[], { source, job, environment }: Remote) {
  const outcome = await runGit({
    args,
    folder: job.workFolder,
    environment,
    signal: job.signal,
    maxOutputBytes: maxRefBytes,
  });
  if (outcome.exitCode !== 0) throw remoteGitError(source, outcome);
  return outcome;
}
