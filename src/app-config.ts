import { join, resolve } from "node:path";
import { distance } from "fastest-levenshtein";
import { z } from "zod";
import { AppSettings } from "./app-settings.ts";
import { readVariables } from "./app-variables.ts";
import { type Config, resolveConfig } from "./config.ts";
import { ConfigError } from "./errors.ts";

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
