import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { z } from "zod";
import { resolveAppConfig } from "../../src/app-config.ts";
import type { AppSettings } from "../../src/app-settings.ts";
import { createLogger } from "../../src/log.ts";
import { type RunningServer, startServer } from "../../src/server.ts";
import { hostPath } from "./command-line.ts";
import { copyEmbeddedTemplate } from "./embedded-template.ts";
import { findFreePort } from "./find-free-port.ts";
import { type GitHubOptions, type GitHubServer, startGitHub } from "./github-server.ts";

export interface AppOptions extends GitHubOptions {
  settings?: Partial<AppSettings>;
  /** Keys of a run's configuration. */
  run?: Record<string, unknown>;
  environment?: Record<string, string>;
  /** Null: the embedded database. */
  databaseUrl?: string | null;
  /** Waits for rate limits as in production; off, they are met at once. */
  throttle?: boolean;
}

/** The real app in this process, before a GitHub of its own, with what people say to it. */
export interface AppUnderTest extends AsyncDisposable {
  github: GitHubServer;
  /** `http://127.0.0.1:<port>` */
  address: string;
  operatorToken: string;
  /** The variables it was started with. */
  environment: Record<string, string>;
  /** Path in the published folder -> bytes, of a run of the embedded database. */
  exampleOf: (runId: string) => Map<string, Buffer>;
  /** The lines of its log, parsed. */
  log: Array<Record<string, unknown>>;
  /** Below which it keeps everything. */
  folder: string;
  /** Ends it as SIGTERM would, and starts another on the same data. */
  restart: () => Promise<void>;
  stop: () => Promise<void>;
}

export const operatorToken = "operator-token-of-tests";

export async function startApp(options: AppOptions): Promise<AppUnderTest> {
  await using stack = new AsyncDisposableStack();
  const github = stack.use(await startGitHub(options));
  const folder = mkdtempSync(join(tmpdir(), "codedistiller-app-"));
  stack.defer(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 }));
  const log: Array<Record<string, unknown>> = [];
  const port = await findFreePort();
  const environment = appEnvironment({ github, folder, port, ...options });
  if (!options.databaseUrl) await copyEmbeddedTemplate(join(folder, "data"));
  const start = (): Promise<RunningServer> => startInProcess({ environment, folder, log, options });
  let server: RunningServer | null = await start();
  const stop = async (): Promise<void> => {
    await server?.stop();
    server = null;
  };
  stack.defer(stop);
  github.deliverTo(`http://127.0.0.1:${port}/api/github/webhooks`);
  const resources = stack.move();
  return {
    github,
    address: `http://127.0.0.1:${port}`,
    operatorToken,
    environment,
    exampleOf: (runId) => readFolder(join(folder, "data", "runs", runId, "example")),
    log,
    folder,
    stop,
    async restart() {
      await stop();
      server = await start();
    },
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

async function startInProcess({
  environment,
  folder,
  log,
  options,
}: {
  environment: Record<string, string>;
  folder: string;
  log: Array<Record<string, unknown>>;
  options: AppOptions;
}): Promise<RunningServer> {
  const config = await resolveAppConfig({
    environment,
    file: { name: "test.json", text: JSON.stringify({ ...options.run, app: options.settings ?? {} }) },
    homeFolder: join(folder, "home"),
    readFile: () => Promise.reject(new Error("No file is read here.")),
  });
  return startServer({
    host: {
      environment,
      homeFolder: join(folder, "home"),
      workingFolder: folder,
      signal: new AbortController().signal,
    },
    config,
    log: createLogger((line) => log.push(JSON.parse(line) as Record<string, unknown>), "info"),
    throttle: options.throttle ?? false,
  });
}

function readFolder(folder: string): Map<string, Buffer> {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = entries.map(({ parentPath, name }) => join(parentPath, name));
  return new Map(paths.map((path) => [relative(folder, path), readFileSync(path)]));
}

/** What the app's own pages tell of a run. */
const ShownRun = z.object({
  id: z.string(),
  status: z.string(),
  repository: z.string(),
  trigger: z.string(),
  runsBefore: z.number(),
  costUsd: z.number(),
  cancelled: z.object({ reason: z.string() }).nullable(),
  progress: z.object({ stage: z.string().nullable(), note: z.string().nullable() }),
  ending: z.object({ outcome: z.string(), reasonCode: z.string(), explanation: z.string() }).nullable(),
  pullRequest: z.object({ number: z.number(), state: z.string(), headSha: z.string() }).nullable(),
  maintainerReview: z.object({ executed: z.boolean(), showsCore: z.boolean(), correct: z.boolean() }).nullable(),
});
export type ShownRun = z.infer<typeof ShownRun>;

/** The app's runs, newest first, as its operator sees them. */
export async function readRuns(app: Pick<AppUnderTest, "address">): Promise<ShownRun[]> {
  const response = await fetch(`${app.address}/runs.json`, { headers: { authorization: `Bearer ${operatorToken}` } });
  if (!response.ok) throw new Error(`/runs.json: ${response.status} ${await response.text()}`);
  return z.object({ runs: z.array(ShownRun) }).parse(await response.json()).runs;
}

export interface AppEnvironmentOptions {
  github: GitHubServer;
  folder: string;
  port: number;
  databaseUrl?: string | null;
  environment?: Record<string, string>;
}

/** The variables of an app before a test's GitHub; the same for one in a process of its own. */
export function appEnvironment({
  github,
  folder,
  port,
  databaseUrl = null,
  environment = {},
}: AppEnvironmentOptions): Record<string, string> {
  const { appId, privateKey, webhookSecret } = github.appCredentials;
  for (const name of ["home", "cache"]) mkdirSync(join(folder, name), { recursive: true });
  return {
    PATH: hostPath,
    HOME: join(folder, "home"),
    LANG: "C.UTF-8",
    CODEDISTILLER_CACHE: join(folder, "cache"),
    CODEDISTILLER_SANDBOX: "local",
    CODEDISTILLER_DATA: join(folder, "data"),
    CODEDISTILLER_OPERATOR_TOKEN: operatorToken,
    GIT_SSL_CAINFO: github.certificateFile,
    GHE_HOST: new URL(github.apiUrl).host,
    GHE_PROTOCOL: "http",
    APP_ID: String(appId),
    PRIVATE_KEY: privateKey,
    WEBHOOK_SECRET: webhookSecret,
    HOST: "127.0.0.1",
    PORT: String(port),
    ...(databaseUrl === null ? {} : { DATABASE_URL: databaseUrl }),
    ...environment,
  };
}

/** The newest run, once it has ended. */
export function endOfRun(app: Pick<AppUnderTest, "address">, runs = 1): Promise<ShownRun> {
  return eventually(`${runs} runs that have ended`, async () => {
    const all = await readRuns(app);
    return all.length >= runs && all.every(({ status }) => status === "finished") && all[0];
  });
}

/** Looks until there is something; fails after some seconds, naming it. */
export async function eventually<T>(
  what: string,
  look: () => Promise<T | null | undefined | false> | T | null | undefined | false,
  seconds = 40,
): Promise<T> {
  const end = performance.now() + seconds * 1000;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (performance.now() > end) throw new Error(`Not after ${seconds} seconds: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
