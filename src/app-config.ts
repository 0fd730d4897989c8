import { join, resolve } from "node:path";
import { distance } from "fastest-levenshtein";
import { z } from "zod";
import { readVariables } from "./app-variables.ts";
import { type Config, resolveConfig } from "./config.ts";
import { ConfigError } from "./errors.ts";

const names = z.array(z.string().trim().min(1));

/** What the operator of the app decides for all installations: the key `app` of the configuration file. */
export const AppSettings = z.strictObject({
  label: z
    .string()
    .trim()
    .min(1)
    .max(50)
    .default("distill")
    .describe("Label that asks for a run when it is put on an issue."),
  distill_new_repositories: z
    .boolean()
    .default(true)
    .describe("Whether repositories are distilled when the app is installed on them."),
  max_new_repositories: z
    .number()
    .int()
    .min(0)
    .max(1000)
    .default(10)
    .describe("Of one installation, how many of those at most."),
  allow_accounts: names.nullable().default(null).describe("Accounts whose installations are served; null for all."),
  deny_accounts: names.default([]).describe("Accounts whose installations are not served, whatever else is said."),
  allow_users: names
    .nullable()
    .default(null)
    .describe("People who may ask, beside having write permission; null for all."),
  deny_users: names.default([]).describe("People who may not, whatever else is said."),
  allow_bots: names
    .default([])
    .describe(
      "Bots that may ask, by their exact login such as dependabot[bot]; GitHub tells no permissions of bots, so none is asked for.",
    ),
  max_runs_per_installation: z
    .number()
    .int()
    .min(1)
    .max(100)
    .default(2)
    .describe("Runs of one installation at one time."),
  max_waiting_per_installation: z
    .number()
    .int()
    .min(0)
    .max(10_000)
    .default(20)
    .describe("Runs of one installation that may wait."),
  max_runs_per_installation_day: z
    .number()
    .int()
    .min(0)
    .max(10_000)
    .default(50)
    .describe("Runs that the account of an installation may ask for in a day (UTC)."),
  max_runs_per_process: z.number().int().min(1).max(100).default(2).describe("Runs of one process at one time."),
  max_cost_per_repository_day_usd: z
    .number()
    .min(0)
    .default(10)
    .describe("Money for models that a repository's runs may spend in a day, in US dollars."),
  max_cost_per_installation_month_usd: z
    .number()
    .min(0)
    .default(100)
    .describe("The same for an installation and a month."),
  allowed_models: z
    .array(z.string().min(1))
    .default([])
    .describe("Models that may be asked for, beside the operator's own and builtin/extract."),
  command_variables: names
    .default([])
    .describe(
      "Variables that the program of a command/ model is given, beside PATH, HOME, its language, proxies and certificates.",
    ),
  allow_hosts: names
    .default([
      "github.com",
      "codeload.github.com",
      "objects.githubusercontent.com",
      "release-assets.githubusercontent.com",
      "gitlab.com",
      "codeberg.org",
      "bitbucket.org",
      "zenodo.org",
      "files.pythonhosted.org",
    ])
    .describe(
      "Hosts that repositories and archives are fetched from, with every redirect; the app's own GitHub as well.",
    ),
  pull_request_for: z
    .enum(["verified", "partial"])
    .default("verified")
    .describe("The least outcome that is worth a pull request."),
  keep_runs_days: z.number().int().min(1).default(90).describe("Days for which a finished run is kept."),
});
export type AppSettings = z.infer<typeof AppSettings>;

export interface AppConfig {
  appId: number;
  /** In PEM. */
  privateKey: string;
  webhookSecret: string;
  /** Where GitHub is; a null host is github.com. */
  github: { host: string | null; protocol: "https" | "http" };
  /** Null: an embedded database in the data folder. */
  databaseUrl: string | null;
  host: string;
  port: number;
  /** Without a slash at its end; null where nobody said how people reach the app. */
  publicUrl: string | null;
  /** Absolute. */
  dataFolder: string;
  operatorToken: string | null;
  webhookProxy: string | null;
  settings: AppSettings;
  run: Config;
}

export interface AllowedHosts {
  /** With its port where it has one. */
  gitHubHost: string;
  allowHosts: readonly string[];
}

export function listAllowedHosts({ github, settings }: Pick<AppConfig, "github" | "settings">): AllowedHosts {
  return { gitHubHost: github.host ?? "github.com", allowHosts: settings.allow_hosts };
}

/** Whether repositories may be fetched from a host, which is named with its port where it has one. */
export function allowsHost({ gitHubHost, allowHosts }: AllowedHosts, host: string): boolean {
  const asked = host.toLowerCase().replace(/^www\.(?=github\.com$)/, "");
  return [gitHubHost, ...allowHosts].some((each) => each.toLowerCase() === asked);
}

export interface AppConfigSources {
  environment: Readonly<Record<string, string | undefined>>;
  /** The configuration file: keys of a run, and `app`. */
  file: { name: string; text: string } | null;
  homeFolder: string;
  /** Reads the file that PRIVATE_KEY_PATH names. */
  readFile: (path: string) => Promise<string>;
}

/**
 * Reads everything that the app needs to start. Throws one ConfigError with a line for each thing that is missing or
 * wrong; its code is `app-not-set-up` where there is no sign of a GitHub App yet, else `app-config`. No value is repeated
 * in a message: it could be a secret.
 */
export async function resolveAppConfig({
  environment,
  file,
  homeFolder,
  readFile,
}: AppConfigSources): Promise<AppConfig> {
  const variables = await readVariables(environment, readFile);
  const problems = [...variables.problems];
  const { app, rest } = splitFile(file);
  const settings = AppSettings.safeParse(app ?? {});
  const run = attempt(problems, () => resolveConfig({ flags: {}, file: rest, environment }));
  if (!settings.success)
    problems.push(...settings.error.issues.flatMap((issue) => describeSetting(file?.name ?? "", issue)));
  if (run?.sandbox === "none")
    problems.push(
      "sandbox: none runs strangers' code on this machine without isolation: take auto, modal, container or local.",
    );
  const { data } = variables;
  if (!data || !settings.success || !run || problems.length > 0) throw cannotStart(environment, problems);
  return {
    appId: data.APP_ID,
    privateKey: data.PRIVATE_KEY,
    webhookSecret: data.WEBHOOK_SECRET,
    github: { host: data.GHE_HOST, protocol: data.GHE_PROTOCOL },
    databaseUrl: data.DATABASE_URL,
    host: data.HOST,
    port: data.PORT,
    publicUrl: data.PUBLIC_URL,
    dataFolder: findDataFolder(data.CODEDISTILLER_DATA, homeFolder),
    operatorToken: data.CODEDISTILLER_OPERATOR_TOKEN,
    webhookProxy: data.WEBHOOK_PROXY_URL,
    settings: settings.data,
    run,
  };
}

function findDataFolder(given: string | null, homeFolder: string): string {
  if (given === null) return join(homeFolder, ".local", "share", "codedistiller");
  return given === "~" || given.startsWith("~/") ? join(homeFolder, given.slice(1)) : resolve(given);
}

/** Takes `app` out; a file that is no JSON object stays whole, for `resolveConfig` to complain of. */
function splitFile(file: AppConfigSources["file"]): { app: unknown; rest: AppConfigSources["file"] } {
  if (file === null) return { app: undefined, rest: null };
  try {
    const { app, ...rest } = z.record(z.string(), z.unknown()).parse(JSON.parse(file.text));
    return { app, rest: { name: file.name, text: JSON.stringify(rest) } };
  } catch {
    return { app: undefined, rest: file };
  }
}

function describeSetting(file: string, issue: z.core.$ZodIssue): string[] {
  const place = `${file}: ${["app", ...issue.path].map(String).join(".")}`;
  if (issue.code !== "unrecognized_keys") return [`${place}: ${issue.message}.`];
  return issue.keys.map((key) => `${place}: unknown key ${JSON.stringify(key.slice(0, 60))}. ${nearestSetting(key)}`);
}

function nearestSetting(key: string): string {
  const known = Object.keys(AppSettings.shape);
  const near = known
    .map((name) => ({ name, letters: distance(name, key.slice(0, 60)) }))
    .sort((a, b) => a.letters - b.letters)[0];
  return near && near.letters <= Math.max(3, key.length / 2)
    ? `Did you mean ${JSON.stringify(near.name)}?`
    : `Known keys: ${known.join(", ")}.`;
}

function attempt<T>(problems: string[], read: () => T): T | null {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    problems.push(error.userMessage);
    return null;
  }
}

function cannotStart(environment: AppConfigSources["environment"], problems: readonly string[]): ConfigError {
  const isNew = ["APP_ID", "PRIVATE_KEY", "PRIVATE_KEY_PATH", "WEBHOOK_SECRET"].every(
    (name) => !environment[name]?.trim(),
  );
  const count = problems.length === 1 ? "one thing is" : `${problems.length} things are`;
  return new ConfigError({
    code: isNew ? "app-not-set-up" : "app-config",
    userMessage: [`The app cannot start: ${count} missing or wrong.`, ...problems.map((line) => `- ${line}`)].join(
      "\n",
    ),
  });
}
