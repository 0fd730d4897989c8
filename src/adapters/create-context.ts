import { join } from "node:path";
import type { AppConfig } from "../app-config.ts";
import type { AppContext, GitHubAccess } from "../jobs/app-context.ts";
import type { Queue } from "../jobs/queue.ts";
import type { Logger } from "../log.ts";
import type { Metrics } from "../pages/metrics.ts";
import type { Store } from "../store/store.ts";
import { createAdapters } from "./adapters.ts";
import { createAuthorAdapters } from "./author-adapters.ts";
import type { Host } from "./host.ts";
import { createRunHost, describeCommandEnvironment, describeGitEnvironment } from "./run-host.ts";

export interface ContextParts {
  host: Host;
  config: AppConfig;
  log: Logger;
  store: Store;
  queue: Queue;
  metrics: Metrics;
  github: GitHubAccess;
}

/** What handlers and runs of the app work with. */
export function createContext({ host: given, config, log, store, queue, metrics, github }: ContextParts): AppContext {
  const host = createRunHost(given);
  const gitEnvironment = describeGitEnvironment({ host, homeFolder: join(config.dataFolder, "git-home") });
  // What providers of models limit is shared by all runs of the process.
  const commandEnvironment = describeCommandEnvironment({ host, alsoPassed: config.settings.command_variables });
  const authors = createAuthorAdapters({ host, recordFile: null, commandEnvironment });
  return {
    config,
    store,
    queue,
    log,
    github,
    createAdapters: (run) => ({
      ...createAdapters({
        host,
        authors,
        owner: { name: `installation-${run.installationId}`, repositoryIsPrivate: run.target.isPrivate },
        warn: (text) => void store.runs.log(run.id, text).catch(() => undefined),
      }),
      gitEnvironment,
    }),
    runEnded: ({ ending, costUsd }) => metrics.runEnded(ending?.outcome ?? "error", ending?.seconds ?? 0, costUsd),
  };
}
