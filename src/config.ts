import { distance } from "fastest-levenshtein";
import { z } from "zod";
import { ConfigError } from "./errors.ts";

/** In the order in which `auto` looks for one; `none` is never taken by itself. */
export const sandboxKinds = ["auto", "modal", "container", "local", "none"] as const;

/** What one model costs, in US dollars per million tokens. */
const TokenPrices = z.strictObject({
  input: z.number().min(0),
  output: z.number().min(0),
  /** Tokens out of and into the provider's prompt cache; those of `input` where nothing is given. */
  cache_read: z.number().min(0).optional(),
  cache_write: z.number().min(0).optional(),
});
export type TokenPrices = z.infer<typeof TokenPrices>;

/**
 * The configuration of a run. The first five keys are the reference system's, as they are; the rest are ours.
 * Sources, strongest first: command line, configuration file, environment (`CODEDISTILLER_<KEY>`), default.
 */
export const Config = z.strictObject({
  model_str_code: z
    .string()
    .min(1)
    .describe(
      "Model that writes and repairs; builtin/extract needs no key: it takes the examples that a repository holds. Chosen by the provider key that is set, where none is named.",
    ),
  model_str_fast: z
    .string()
    .min(1)
    .describe(
      "Model that reads and classifies files; the small one of the same provider where none is named. builtin/extract: the rules do it.",
    ),
  model_str_judge: z
    .string()
    .min(1)
    .describe("Model that judges a finished example; follows model_str_code. builtin/extract: nobody does."),
  model_base_url: z
    .url({ protocol: /^https?$/ })
    .nullable()
    .describe("Address of an OpenAI-compatible API, for models that are named compatible/<model>."),
  prices: z
    .record(z.string().min(1), TokenPrices)
    .describe("Prices of models by name, in US dollars per million tokens; they go before the known list prices."),
  max_context_tokens: z
    .number()
    .int()
    .min(1000)
    .max(1_000_000)
    .describe("Most of the repository's text that goes into the writing prompt, in tokens."),
  model_concurrency: z.number().int().min(1).max(1000).describe("Calls of one provider at one time, over all jobs."),
  model_tokens_per_minute: z
    .number()
    .int()
    .min(1)
    .nullable()
    .describe("Tokens that calls of one provider may take in a minute, over all jobs; null for no limit."),
  max_runtime_mins: z
    .number()
    .positive()
    .max(1440)
    .describe("Longest run of an environment's build, and of main.py, in each iteration, in minutes."),
  max_debug_iterations: z.number().int().min(0).max(100).describe("Revisions after the first draft."),
  output_base_path: z.string().min(1).describe("Folder below which each run gets a folder of its own."),
  max_cost_usd: z.number().min(0).describe("Money a run may spend on models, in US dollars."),
  sandbox: z
    .enum(sandboxKinds)
    .describe(
      "Where programs run: modal, container (Docker or Podman), local (bubblewrap on this machine), or none, without isolation. auto takes the first of these that can be had, none apart.",
    ),
  sandbox_image: z
    .string()
    .min(1)
    .nullable()
    .describe(
      "Image of container and Modal sandboxes; it needs python3 with venv and pip. null: one is built, once, from Ubuntu with build tools and several Pythons.",
    ),
  sandbox_cpu_cores: z.number().positive().max(64).describe("Processor cores of container and Modal sandboxes."),
  container_engine: z
    .enum(["docker", "podman"])
    .nullable()
    .describe("Engine of container sandboxes; null: Docker, or Podman where it does not answer."),
  gpu: z
    .string()
    .min(1)
    .nullable()
    .describe(
      "GPU that a program gets where its repository needs one: of Modal sandboxes as Modal names it (T4, A100:2), of containers all of the machine's; null for none.",
    ),
  egress_domains: z
    .array(z.string().regex(/^(\*\.)?[a-z0-9-]+(\.[a-z0-9-]+)+$/i, "is no domain"))
    .min(1)
    .nullable()
    .describe(
      "Domains that Modal sandboxes with network may reach, such as pypi.org and *.pythonhosted.org; null for all.",
    ),
  focus: z.string().max(500).nullable().describe("What the example should show; null for the core functionality."),
  ref: z.string().nullable().describe("Branch, tag or commit; null for the default branch."),
  subdirectory: z.string().nullable().describe("Part of the repository to distil."),
  program_network: z.boolean().describe("Whether main.py may use the network; building the environment always may."),
  max_memory_mb: z.number().int().min(64).describe("Memory of a sandbox, in MiB."),
  max_processes: z.number().int().min(8).describe("Processes and threads of a sandbox at one time."),
  max_disk_mb: z.number().int().min(64).describe("What a sandbox may write, in MiB."),
  max_repository_mb: z.number().int().min(1).describe("Largest repository that is fetched, in MiB."),
  recipes: z
    .boolean()
    .describe(
      "Whether environments that worked are remembered, and offered first where the same packages are asked for.",
    ),
});
export type Config = z.infer<typeof Config>;

/** Values of the keys that nobody gives; `schema.json` repeats them. */
const defaults: Omit<Config, "model_str_fast" | "model_str_judge"> = {
  model_str_code: "builtin/extract",
  model_base_url: null,
  prices: {},
  max_context_tokens: 24_000,
  model_concurrency: 16,
  model_tokens_per_minute: null,
  max_runtime_mins: 15,
  max_debug_iterations: 8,
  output_base_path: "output/",
  max_cost_usd: 5,
  sandbox: "auto",
  sandbox_image: null,
  sandbox_cpu_cores: 2,
  container_engine: null,
  gpu: null,
  egress_domains: null,
  focus: null,
  ref: null,
  subdirectory: null,
  program_network: false,
  max_memory_mb: 8192,
  max_processes: 512,
  max_disk_mb: 10240,
  max_repository_mb: 2048,
  recipes: true,
};

/** A configuration that a run was begun with: it may be older than some keys, which then have their defaults. */
export const SavedConfig = z
  .record(z.string(), z.unknown())
  .transform((saved) => ({ ...defaults, ...saved }))
  .pipe(Config);

export const extractiveModel = "builtin/extract";

/** Variables that hold a provider's key. None of them is ever copied anywhere but to that provider. */
export const providerKeyVariables = [
  "ANTHROPIC_API_KEY",
  "OPENAI_API_KEY",
  "OPENROUTER_API_KEY",
  "COMPATIBLE_API_KEY",
] as const;

/** The models of a run for which nobody named one, by the first key that is set. */
export const modelsByKey = {
  ANTHROPIC_API_KEY: { model_str_code: "claude-sonnet-4-6", model_str_fast: "claude-haiku-4-5-20251001" },
  OPENAI_API_KEY: { model_str_code: "gpt-5-2025-08-07", model_str_fast: "gpt-5-mini-2025-08-07" },
  OPENROUTER_API_KEY: {
    model_str_code: "openrouter/anthropic/claude-sonnet-4.6",
    model_str_fast: "openrouter/anthropic/claude-haiku-4.5",
  },
} as const;

/** The key by which the models are chosen where nobody names one; null where none is set. */
export function findProviderKey(environment: ConfigSources["environment"]): keyof typeof modelsByKey | null {
  const keys = ["ANTHROPIC_API_KEY", "OPENAI_API_KEY", "OPENROUTER_API_KEY"] as const;
  return keys.find((name) => environment[name]?.trim()) ?? null;
}

/** The small model of the same provider, where one is known; reading takes no more. */
export function findFastModel(model: string): string {
  if (/^(anthropic\/)?claude-/.test(model)) return modelsByKey.ANTHROPIC_API_KEY.model_str_fast;
  if (/^(openai\/)?(gpt-|o\d)/.test(model)) return modelsByKey.OPENAI_API_KEY.model_str_fast;
  if (/^openrouter\/anthropic\//.test(model)) return modelsByKey.OPENROUTER_API_KEY.model_str_fast;
  return model;
}

/** A configuration file: any of the keys; nothing else, apart from `$schema`. */
const ConfigFile = Config.partial().extend({ $schema: z.string().optional() });

/** JSON Schema of a configuration file, with the defaults. */
export function configSchema(): Record<string, unknown> {
  const { properties, ...schema } = z.toJSONSchema(ConfigFile);
  const values: Record<string, unknown> = {
    ...defaults,
    model_str_fast: "the small model of model_str_code's provider",
    model_str_judge: "the value of model_str_code",
  };
  const described = Object.entries(properties ?? {}).map(([key, property]) => [
    key,
    key in values && typeof property === "object" ? { ...property, default: values[key] } : property,
  ]);
  return { ...schema, title: "CodeDistiller configuration", properties: Object.fromEntries(described) };
}

export interface ConfigSources {
  /** From the command line; undefined for what was not given. */
  flags: { [K in keyof Config]?: Config[K] | undefined };
  /** Text and name of the configuration file. */
  file: { name: string; text: string } | null;
  environment: Readonly<Record<string, string | undefined>>;
}

/** Merges the sources; throws ConfigError with one line that names the place and, for an unknown key, the nearest known one. */
export function resolveConfig({ flags, file, environment }: ConfigSources): Config {
  const given: Partial<Config> = {
    ...readEnvironment(environment),
    ...(file ? readFile(file) : {}),
    ...withoutUndefined(flags),
  };
  const key = given.model_str_code === undefined ? findProviderKey(environment) : null;
  const merged = { ...defaults, ...(key ? { model_str_code: modelsByKey[key].model_str_code } : {}), ...given };
  const { model_str_code } = merged;
  const parsed = Config.safeParse({
    model_str_fast: findFastModel(model_str_code),
    model_str_judge: model_str_code,
    ...merged,
  });
  if (!parsed.success) throw describeIssue("configuration", parsed.error);
  return parsed.data;
}

function readFile({ name, text }: { name: string; text: string }): Partial<Config> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new ConfigError({
      code: "config-not-json",
      userMessage: `${name} is not valid JSON: ${error instanceof Error ? error.message : String(error)}`,
      cause: error,
    });
  }
  const parsed = ConfigFile.safeParse(value);
  if (!parsed.success) throw describeIssue(name, parsed.error);
  const { $schema: _, ...rest } = parsed.data;
  return withoutUndefined(rest);
}

function readEnvironment(environment: ConfigSources["environment"]): Partial<Config> {
  const values: Record<string, unknown> = {};
  for (const key of Object.keys(Config.shape)) {
    const name = `CODEDISTILLER_${key.toUpperCase()}`;
    const text = environment[name];
    if (text === undefined || text === "") continue;
    values[key] = key === "prices" ? parseObject(text) : parseScalar(text);
  }
  const parsed = Config.partial().safeParse(values);
  if (!parsed.success) throw describeIssue("environment", parsed.error);
  return withoutUndefined(parsed.data);
}

/** A copy without the keys that nobody gave, so that spreading it hides nothing. */
function withoutUndefined(values: { [K in keyof Config]?: Config[K] | undefined }): Partial<Config> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}

function parseScalar(text: string): unknown {
  if (/^(true|false|null|-?\d+(\.\d+)?)$/.test(text)) return JSON.parse(text);
  return text;
}

/** The text itself where it is no JSON: the schema then says what was expected. */
function parseObject(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function describeIssue(where: string, error: z.ZodError): ConfigError {
  const issue = error.issues[0];
  const fail = (code: string, userMessage: string): ConfigError => new ConfigError({ code, userMessage, cause: error });
  const shown = describePlace(where, issue?.path ?? []);
  if (issue?.code === "unrecognized_keys") {
    const key = issue.keys[0] ?? "";
    const known = issue.path.length > 0 ? `Known keys: ${Object.keys(TokenPrices.shape).join(", ")}.` : nearestKey(key);
    return fail("config-unknown-key", `${shown}: unknown key ${JSON.stringify(key)}. ${known}`);
  }
  return fail("config-wrong-type", `${shown}: ${issue?.message ?? "not valid"}.`);
}

function describePlace(where: string, path: readonly PropertyKey[]): string {
  const [key, ...inner] = path.map(String);
  if (key === undefined) return where;
  if (where !== "environment") return `${where}: ${path.join(".")}`;
  return [`environment variable CODEDISTILLER_${key.toUpperCase()}`, ...inner].join(": ");
}

function nearestKey(key: string): string {
  const keys = Object.keys(Config.shape);
  const nearest = [...keys].sort((a, b) => distance(a, key) - distance(b, key))[0] ?? "";
  return distance(nearest, key) <= Math.max(3, key.length / 2)
    ? `Did you mean ${JSON.stringify(nearest)}?`
    : `Known keys: ${keys.join(", ")}.`;
}
