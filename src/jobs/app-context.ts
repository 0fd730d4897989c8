import type { AppConfig } from "../app-config.ts";
import type { GitHubClient } from "../github/github-client.ts";
import type { Logger } from "../log.ts";
import type { RunRecord } from "../store/run-record.ts";
import type { Store } from "../store/store.ts";
import type { JobAdapters } from "./job.ts";
import type { Queue } from "./queue.ts";

/** What the app is made of, as its root put it together: for handlers of events and for the runs. */
export interface AppContext {
  config: AppConfig;
  store: Store;
  queue: Queue;
  github: GitHubAccess;
  /** The adapters of a run, under its installation's name. */
  createAdapters: (run: RunRecord) => JobAdapters;
  log: Logger;
  /** Told once a run has ended. */
  runEnded: (run: RunRecord) => void;
}

export interface GitHubAccess {
  /** As the app in one installation. */
  client: (installationId: number) => Promise<GitHubClient>;
  /** An Authorization header for git, with a token that reads the contents of one repository and nothing else. */
  authorizeClone: (installationId: number, repositoryId: number) => Promise<string>;
  /** The login under which the app comments: `codedistiller[bot]`. */
  botLogin: () => Promise<string>;
}

/** The page of a run; null where the app does not know its own address, or where nobody but the operator may see it. */
export function pageOf({ config }: Pick<AppContext, "config">, run: Pick<RunRecord, "id" | "target">): string | null {
  return config.publicUrl === null || run.target.isPrivate
    ? null
    : `${config.publicUrl.replace(/\/+$/, "")}/runs/${run.id}`;
}
