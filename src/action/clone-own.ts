import { randomUUID } from "node:crypto";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { Config } from "../config.ts";
import type { RepositoryFacts } from "../github/read-repository.ts";
import type { JobAdapters } from "../jobs/job.ts";
import { cloneRepository } from "../repository/clone-repository.ts";
import type { Repository } from "../repository/repository.ts";
import { parseRepositorySource } from "../repository/repository-source.ts";

export interface CloneOwnOptions extends Pick<JobAdapters, "gitEnvironment" | "gitAuthorization"> {
  repository: RepositoryFacts;
  config: Pick<Config, "max_repository_mb">;
  /** The clones lie below it. */
  folder: string;
  signal: AbortSignal;
}

/** Clones of the workflow's own repository, each branch, tag or commit once. */
export function createClones({
  repository,
  config,
  folder,
  signal,
  ...git
}: CloneOwnOptions): (ref: string) => Promise<Repository> {
  const clones = new Map<string, Promise<Repository>>();
  return (ref) => {
    const known = clones.get(ref);
    if (known) return known;
    const clone = cloneRepository({
      ...git,
      source: parseRepositorySource(repository.cloneUrl, { kindOfPath: () => "missing" }),
      ref,
      destination: newCloneFolder(folder),
      limits: { maxBytes: config.max_repository_mb * 2 ** 20 },
      signal,
    });
    clones.set(ref, clone);
    // What failed once is tried again by whoever asks next.
    clone.catch(() => clones.delete(ref));
    return clone;
  };
}

const clonesOf = (folder: string): string => join(folder, "clones");

/** A path for a clone that goes when the step ends. */
export function newCloneFolder(folder: string): string {
  return join(clonesOf(folder), randomUUID());
}

export function removeClones(folder: string): Promise<void> {
  return rm(clonesOf(folder), { recursive: true, force: true, maxRetries: 3 });
}
