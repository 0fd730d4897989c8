import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Config } from "../config.ts";
import { RepositoryError } from "../errors.ts";
import type { Emit, Stage } from "../pipeline/events.ts";
import { retrySandbox } from "../pipeline/retry-sandbox.ts";
import {
  findCarriedSource,
  type PublishedExample,
  type Verification,
  verifyExample,
} from "../pipeline/verify-example.ts";
import { cloneRepository } from "../repository/clone-repository.ts";
import type { Repository } from "../repository/repository.ts";
import { parseRepositorySource, type RepositorySource } from "../repository/repository-source.ts";
import type { JobAdapters } from "./job.ts";

type CloneAdapters = Pick<
  JobAdapters,
  "gitEnvironment" | "gitAuthorization" | "allowsHost" | "homeFolder" | "workingFolder"
>;

/** What an example is run against. */
export type PublishedSource =
  /** As it was made; `from`: where that is to be had, if not at the address in its metadata. */
  | { kind: "at-its-commit"; from?: string | undefined }
  /** A host folder that holds the repository; `commit`: what of it, as far as it is known. */
  | { kind: "folder"; folder: string; commit: string | null };

export interface VerifyPublishedOptions {
  example: PublishedExample;
  source?: PublishedSource;
  adapters: CloneAdapters & Pick<JobAdapters, "createProvider">;
  config: Config;
  /** Host folder to work in; nothing of ours stays there. */
  scratch: string;
  emit: Emit;
  signal?: AbortSignal | undefined;
}

export interface PublishedVerification {
  verification: Verification;
  /** What it was run at; null where the files belong to no commit. */
  commit: string | null;
}

/**
 * Runs a published example again in a clean room. What the example does is in the result; whatever else fails is thrown:
 * SandboxError after further tries, RepositoryError, CancelledError.
 */
export async function verifyPublished({
  example,
  source = { kind: "at-its-commit" },
  adapters,
  config,
  scratch,
  emit,
  signal,
}: VerifyPublishedOptions): Promise<PublishedVerification> {
  await using work = await makeWorkFolder(scratch);
  await using provider = await adapters.createProvider(config, {
    dryRun: false,
    runId: null,
    onProgress: (text) => emit({ kind: "preparing", text }),
  });
  const destination = join(work.path, "repository");
  const { folder, commit } =
    source.kind === "folder"
      ? source
      : await inStage("clone", emit, () =>
          provideSource({ example, from: source.from, adapters, config, destination, signal }),
        );
  const verification = await inStage("verify", emit, () =>
    retrySandbox(
      () =>
        verifyExample({
          example,
          provider,
          repositoryFolder: folder,
          sourceKey: `verify:${work.path}`,
          folder: join(work.path, "clean-room"),
          config,
          onOutput: (text) => emit({ kind: "output", stage: "verify", text: text.trim().split("\n").at(-1) ?? "" }),
          ...(signal ? { signal } : {}),
        }),
      { note: (text) => emit({ kind: "note", stage: "verify", text }), signal },
    ),
  );
  return { verification, commit };
}

export interface CloneCurrentOptions {
  example: PublishedExample;
  /** Where the repository is to be had, if not at the address in the example's metadata; it may be a local folder. */
  from?: string | undefined;
  adapters: CloneAdapters;
  config: Pick<Config, "max_repository_mb">;
  /** A host folder that does not exist yet. */
  destination: string;
  signal?: AbortSignal | undefined;
}

/**
 * Brings what an example was made from as it is now: the head of the default branch. All of it, as for a run: that the
 * part which was distilled is gone is for the example to fail at. Null where the example carries the files that it was
 * made from, since nobody else has them. Throws RepositoryError and CancelledError.
 */
export async function cloneCurrent({ example, from, ...options }: CloneCurrentOptions): Promise<Repository | null> {
  if (from === undefined && (await findCarriedSource(example)) !== null) return null;
  return cloneSource({
    source: from === undefined ? publishedSource(example) : parseSource(from, options),
    ...options,
  });
}

/** The repository at the example's commit: as it is named, from the folder itself, or from where it was taken. */
async function provideSource({
  example,
  from,
  ...options
}: CloneCurrentOptions): Promise<Pick<Repository, "folder" | "commit">> {
  const { metadata } = example;
  const { commit, source } = metadata.distiller;
  const carried = from === undefined ? await findCarriedSource(example) : null;
  if (carried !== null) return { folder: carried, commit };
  const repository = await cloneSource({
    source: parseSource(from ?? metadata.repository_url ?? source, options),
    ...(commit && from === undefined ? { ref: commit } : {}),
    ...options,
  });
  if (commit && repository.commit && repository.commit !== commit) {
    throw new RepositoryError({
      code: "other-commit",
      userMessage: `The example was made at commit ${commit.slice(0, 12)}, ${from ?? "the repository"} is at ${repository.commit.slice(0, 12)}. Check that commit out first, or verify it as it is with --current.`,
    });
  }
  return repository;
}

/** A branch, a tag or a commit; null: the head of the default branch. */
export function cloneSource({
  source,
  ref,
  adapters: { gitEnvironment, gitAuthorization, allowsHost },
  config,
  destination,
  signal,
}: Omit<CloneCurrentOptions, "example" | "from"> & {
  source: RepositorySource;
  ref?: string | null;
}): Promise<Repository> {
  return cloneRepository({
    source,
    ref: ref ?? null,
    destination,
    limits: { maxBytes: config.max_repository_mb * 2 ** 20 },
    gitEnvironment,
    gitAuthorization,
    allowsHost,
    ...(signal ? { signal } : {}),
  });
}

function parseSource(text: string, { adapters }: Pick<CloneCurrentOptions, "adapters">): RepositorySource {
  const { workingFolder, homeFolder } = adapters;
  return parseRepositorySource(text, { workingFolder, homeFolder });
}

/** What a folder of strangers names is fetched from a server, and never read from a path of this machine. Throws RepositoryError. */
export function publishedSource({ metadata }: PublishedExample): RepositorySource {
  const text = metadata.repository_url ?? metadata.distiller.source;
  if (/^(https|ssh):\/\/|^\w[\w.-]*@\w[\w.-]*:/.test(text))
    return parseRepositorySource(text, { kindOfPath: () => "missing" });
  throw new RepositoryError({
    code: "source-elsewhere",
    userMessage:
      "The example was made from a folder or a file of another machine, so there is nowhere to fetch it from: say where its repository lies, or make the example again from there.",
  });
}

async function inStage<Result>(stage: Stage, emit: Emit, work: () => Promise<Result>): Promise<Result> {
  emit({ kind: "stage-started", stage, iteration: null });
  const started = performance.now();
  const result = await work();
  emit({ kind: "stage-finished", stage, seconds: (performance.now() - started) / 1000 });
  return result;
}

async function makeWorkFolder(scratch: string): Promise<AsyncDisposable & { path: string }> {
  const path = await mkdtemp(join(scratch, "verify-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true, maxRetries: 3 }) };
}
