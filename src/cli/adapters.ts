import { type Config, extractiveModel, findProviderKey } from "../config.ts";
import type { JobAdapters } from "../jobs/run-job.ts";
import { createLocalProvider } from "../sandboxes/local.ts";
import { passThroughEnvironment } from "../sandboxes/pass-through-environment.ts";
import { createAuthorAdapters } from "./author-adapters.ts";
import { stateFolderOf, type Terminal } from "./terminal.ts";

/** The adapters of the command line. `warn` is told what a person has to know before anything runs. */
export function createAdapters(
  terminal: Terminal,
  warn: (text: string) => void,
  recordFile: string | null = null,
): JobAdapters {
  const { environment, homeFolder, workingFolder } = terminal;
  return {
    gitEnvironment: environment,
    homeFolder,
    workingFolder,
    ...createAuthorAdapters({ terminal, recordFile }),
    createProvider: async (config, dryRun) => {
      const passed = passThroughEnvironment(environment);
      for (const name of passed.dropped) warn(`${name} is not passed to sandboxes, because it holds a password.`);
      if (config.sandbox === "none" && !dryRun) {
        warn(
          "WARNING: --sandbox none runs the repository's code on this machine without isolation, as your own account. Only for code you trust.",
        );
      }
      // A plan runs nothing, so it needs no isolation to describe the machine.
      const isolation = config.sandbox === "none" || dryRun ? "none" : "bubblewrap";
      return createLocalProvider({
        isolation,
        stateFolder: stateFolderOf(terminal),
        passEnvironment: passed.variables,
        hostPath: environment.PATH ?? "/usr/bin:/bin",
      });
    },
  };
}

/** One line that says which author writes, where nobody chose one. */
export function explainDefaultModel(environment: NodeJS.ProcessEnv, { model_str_code }: Config): string {
  const key = findProviderKey(environment);
  if (model_str_code === extractiveModel)
    return `Author: ${extractiveModel} (no provider key is set): it takes the examples that the repository holds, and asks no model.`;
  return `Author: ${model_str_code}${key ? `, because ${key} is set` : ""}. --model ${extractiveModel} asks no model.`;
}
