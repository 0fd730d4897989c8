import { join } from "node:path";
import { type Config, extractiveModel, findProviderKey } from "../config.ts";
import type { JobAdapters } from "../jobs/job.ts";
import type { Owner } from "../recipes/recipe.ts";
import { createRecipeMemory } from "../recipes/recipe-memory.ts";
import { type AuthorAdapters, createAuthorAdapters } from "./author-adapters.ts";
import { createProvider } from "./create-provider.ts";
import { type Host, stateFolderOf } from "./host.ts";

/** Whose runs a command line's are: all that one account of this machine starts. */
const localOwner: Owner = { name: "local", repositoryIsPrivate: true };

export interface AdapterOptions {
  host: Host;
  /** Told what a person has to know before anything runs. */
  warn: (text: string) => void;
  /** Where the calls of models are written down besides; null for nowhere. */
  recordFile?: string | null;
  owner?: Owner;
  /** Those of earlier adapters, where many runs share what providers limit. */
  authors?: AuthorAdapters;
}

/** What a run is given of the outside world; the same for every root. */
export function createAdapters({
  host,
  warn,
  recordFile = null,
  owner = localOwner,
  authors = createAuthorAdapters({ host, recordFile }),
}: AdapterOptions): JobAdapters {
  const { environment, homeFolder, workingFolder } = host;
  return {
    gitEnvironment: environment,
    homeFolder,
    workingFolder,
    recipes: createRecipeMemory({ folder: join(stateFolderOf(host), "recipes") }),
    owner,
    ...authors,
    createProvider: (config, request) => createProvider({ ...request, config, host, tenant: owner.name, warn }),
  };
}

/** One line that says which author writes, where nobody chose one. */
export function explainDefaultModel(environment: NodeJS.ProcessEnv, { model_str_code }: Config): string {
  const key = findProviderKey(environment);
  if (model_str_code === extractiveModel)
    return `Author: ${extractiveModel} (no provider key is set): it takes the examples that the repository holds, and asks no model.`;
  return `Author: ${model_str_code}${key ? `, because ${key} is set` : ""}. --model ${extractiveModel} asks no model.`;
}
