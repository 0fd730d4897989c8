import { join } from "node:path";
import { type Config, extractiveModel, findProviderKey } from "../config.ts";
import type { JobAdapters } from "../jobs/run-job.ts";
import { createRecipeMemory } from "../recipes/recipe-memory.ts";
import { createAuthorAdapters } from "./author-adapters.ts";
import { createProvider } from "./create-provider.ts";
import { stateFolderOf, type Terminal } from "./terminal.ts";

/** Whose runs these are: all that one account of this machine starts. */
const owner = { name: "local", repositoryIsPrivate: true };

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
    recipes: createRecipeMemory({ folder: join(stateFolderOf(terminal), "recipes") }),
    owner,
    ...createAuthorAdapters({ terminal, recordFile }),
    createProvider: (config, request) => createProvider({ ...request, config, terminal, tenant: owner.name, warn }),
  };
}

/** One line that says which author writes, where nobody chose one. */
export function explainDefaultModel(environment: NodeJS.ProcessEnv, { model_str_code }: Config): string {
  const key = findProviderKey(environment);
  if (model_str_code === extractiveModel)
    return `Author: ${extractiveModel} (no provider key is set): it takes the examples that the repository holds, and asks no model.`;
  return `Author: ${model_str_code}${key ? `, because ${key} is set` : ""}. --model ${extractiveModel} asks no model.`;
}
