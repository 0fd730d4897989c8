import { createExtractiveAuthor } from "../authors/extractive/extractive-author.ts";
import { type Config, extractiveModel, providerKeyVariables } from "../config.ts";
import { ConfigError } from "../errors.ts";
import type { JobAdapters } from "../jobs/run-job.ts";
import { createLocalProvider } from "../sandboxes/local.ts";
import { passThroughEnvironment } from "../sandboxes/pass-through-environment.ts";
import { stateFolderOf, type Terminal } from "./terminal.ts";

/** The adapters of the command line. `warn` is told what a person has to know before anything runs. */
export function createAdapters(terminal: Terminal, warn: (text: string) => void): JobAdapters {
  const { environment, homeFolder, workingFolder } = terminal;
  return {
    gitEnvironment: environment,
    homeFolder,
    workingFolder,
    createAuthor: async (config: Config) => {
      if (config.model_str_code !== extractiveModel) {
        throw new ConfigError({
          code: "model-unknown",
          userMessage: `The model ${config.model_str_code} cannot be used: this version has ${extractiveModel} only, which needs no key. Leave --model out.`,
        });
      }
      return createExtractiveAuthor();
    },
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
export function explainDefaultModel(environment: NodeJS.ProcessEnv): string {
  const key = providerKeyVariables.find((name) => environment[name]);
  const why = key ? `${key} is set, but this version asks no model` : "no provider key is set";
  return `Author: ${extractiveModel} (${why}): it takes the examples that the repository holds, and asks no model.`;
}
