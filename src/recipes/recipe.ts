import { z } from "zod";

/**
 * Indexes beside the default one that a recipe may name. Whoever chooses an index chooses what is installed, and a recipe
 * goes from one repository's run to another's: no repository's word is enough. Sources: the installation pages of
 * PyTorch, PyTorch Geometric and JAX.
 */
const knownIndexes = [
  "https://download.pytorch.org/whl/",
  "https://data.pyg.org/whl/",
  "https://storage.googleapis.com/jax-releases/",
];

export function isKnownIndex(url: string): boolean {
  return knownIndexes.some((known) => url.startsWith(known)) && /^https:\/\/[\w./-]+$/.test(url) && !url.includes("..");
}

/** As PEP 503 normalises it. */
const PackageName = z.string().regex(/^[a-z0-9]+(-[a-z0-9]+)*$/);
/** A release as PEP 440 writes it, without a local label. */
const Version = z.string().regex(/^[0-9][A-Za-z0-9.!]{0,50}$/);

/** An environment: what it takes to build it again. */
export const KnownEnvironment = z.object({
  /** For example `3.11`. */
  python: z.string().regex(/^3\.\d{1,2}$/),
  /** Of the direct requirements, those that were added among them. */
  versions: z.record(PackageName, Version),
  /** Requirements that had to be added to what was asked for. */
  extras: z.array(PackageName).max(100),
  /** Debian packages. */
  systemPackages: z.array(z.string().regex(/^[a-z0-9][a-z0-9.+-]+$/)).max(50),
  indexes: z.array(z.string().refine(isKnownIndex)).max(10),
});
export type KnownEnvironment = z.infer<typeof KnownEnvironment>;

/** What was asked for, and where. */
export const RecipeKey = z.object({
  /** Normalised names of the direct requirements, sorted. */
  requirements: z.array(PackageName).min(1).max(500),
  /** For example `Debian GNU/Linux 12 (bookworm)`. */
  system: z.string(),
  /** For example `x86_64`. */
  architecture: z.string(),
});
export type RecipeKey = z.infer<typeof RecipeKey>;

/** An environment that was built and in which a program ran to its end. Names no repository. */
export const Recipe = RecipeKey.extend({
  version: z.literal(1),
  /** Who learned it. */
  tenant: z.string(),
  /** Learned from a private repository: for nobody but its tenant. */
  isPrivate: z.boolean(),
  environment: KnownEnvironment,
  /** Runs in which it worked. */
  successes: z.number().int(),
  /** Builds that failed since it worked last. */
  failures: z.number().int(),
  /** ISO 8601. */
  learnedAt: z.string(),
  workedAt: z.string(),
});
export type Recipe = z.infer<typeof Recipe>;

/** For whom a run works. */
export interface Owner {
  /** Whose recipes are whose; `local` on the command line. */
  name: string;
  repositoryIsPrivate: boolean;
}

/**
 * The port of what is remembered of environments that worked. Only a saving of time: no method throws, and what cannot
 * be read or written is as if it had never been.
 */
export interface RecipeMemory {
  /** The recipes for a set of requirements that a tenant may see, its own first. */
  find(key: RecipeKey, tenant: string): Promise<Recipe[]>;
  /** Records that an environment worked; one that is remembered already counts once more. */
  learn(key: RecipeKey, environment: KnownEnvironment, owner: Owner): Promise<void>;
  /** Records that a recipe's environment could not be built. */
  recordFailure(recipe: Recipe): Promise<void>;
}
