import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { Probot, Server } from "probot";
import { boundWebhooks } from "./adapters/bound-webhooks.ts";
import { createContext } from "./adapters/create-context.ts";
import { forwardWebhooks } from "./adapters/forward-webhooks.ts";
import { createAppOctokit, createGitHubAccess } from "./adapters/github-access.ts";
import type { Host } from "./adapters/host.ts";
import { createApp } from "./app.ts";
import type { AppConfig } from "./app-config.ts";
import { ConfigError } from "./errors.ts";
import { handleDelivery } from "./handlers/handle-delivery.ts";
import type { AppContext } from "./jobs/app-context.ts";
import { performRun } from "./jobs/perform-run.ts";
import { createQueue } from "./jobs/queue.ts";
import { sweepRuns } from "./jobs/sweep-runs.ts";
import type { Logger } from "./log.ts";
import { createMetrics } from "./pages/metrics.ts";
import { createPages } from "./pages/pages.ts";
import type { Database } from "./store/database.ts";
import { openEmbeddedDatabase } from "./store/embedded-database.ts";
import { openPostgresDatabase } from "./store/postgres-database.ts";
import { createDatabaseFiles, createFolderFiles } from "./store/run-files.ts";
import { createStore } from "./store/sql-store.ts";

export interface ServerOptions {
  host: Host;
  config: AppConfig;
  log: Logger;
  /** False: GitHub's limits on requests are met as they come, with no wait between writes. For tests alone. */
  throttle?: boolean;
}

export interface RunningServer {
  /** `http://<host>:<port>` */
  address: string;
  /** Takes no more webhooks, gives runs back to the queue, and ends. */
  stop: () => Promise<void>;
}

/** Webhooks that are handled at one time; each is a few requests to GitHub. */
const deliveriesAtOnce = 8;
/** How long runs have to save their state when the process ends; container engines wait 10 s before they kill. */
const drainMs = 7_000;
/** GitHub's own bound, in bytes. */
const maxWebhookBytes = 25 * 1024 ** 2;
/** How long the home page waits for GitHub to name the app's page there. */
const appUrlMs = 2_000;
const sweepEveryMs = 10 * 60_000;

/** The App root: database, queue, Probot, pages, workers. Throws ConfigError where something cannot be had. */
export async function startServer({ host, config, log, throttle = true }: ServerOptions): Promise<RunningServer> {
  await using stack = new AsyncDisposableStack();
  await mkdir(config.dataFolder, { recursive: true });
  const database = stack.use(await openDatabase(config, log));
  const root = join(config.dataFolder, "runs");
  const files =
    database.kind === "embedded" ? createFolderFiles({ root }) : createDatabaseFiles({ root, database, log });
  const store = createStore({ database, files });
  const queue = stack.use(await createQueue({ database, log }));
  const metrics = createMetrics({ store, queue });
  const server = createProbotServer({ config, log, throttle });
  let context: AppContext | null = null;
  let stopping = false;
  await server.load((probot, options) => {
    boundWebhooks(probot, maxWebhookBytes);
    const github = createGitHubAccess({ probot, onRequest: metrics.githubRequest });
    context = createContext({ host, config, log, store, queue, metrics, github });
    const pages = createPages({
      store,
      queue,
      metrics,
      operatorToken: config.operatorToken,
      secret: config.webhookSecret,
      publicUrl: config.publicUrl,
      appUrl: () => Promise.race([github.appUrl().catch(() => null), setTimeout(appUrlMs, null, { ref: false })]),
      githubUrl:
        config.github.host === null ? "https://github.com" : `${config.github.protocol}://${config.github.host}`,
      whatIsNotReady: async () => (stopping ? ["it is stopping"] : await findFaults(database)),
    });
    options.addHandler(pages);
    return createApp({ settings: config.settings, put: queue.putDelivery, received: metrics.webhook })(probot, options);
  });
  const app = context as AppContext | null;
  if (!app) throw new Error("Probot loaded no app.");
  // The port first: a process that cannot have it begins with nothing.
  const http = await server.start().catch((error: unknown) => {
    throw describeListenError(error, config);
  });
  stack.defer(async () => {
    http.closeAllConnections();
    await server.stop();
  });
  const recovered = await queue.recoverOrphans();
  if (recovered > 0) log.info({ recovered }, "work that the last process left begins again");
  await queue.work(
    { deliveries: deliveriesAtOnce, runs: config.settings.max_runs_per_process },
    {
      deliveries: (delivery, attempt) => handleDelivery(delivery, attempt.number > 1, app),
      runs: (id, signal) => performRun(id, signal, app),
    },
  );
  const sweep = setInterval(() => void sweepRuns(app), sweepEveryMs);
  stack.defer(() => clearInterval(sweep));
  if (config.webhookProxy !== null)
    stack.use(await forwardWebhooks({ source: config.webhookProxy, host: server.host, port: server.port, log }));
  const resources = stack.move();
  return {
    address: `http://${server.host}:${server.port}`,
    async stop() {
      stopping = true;
      const closed = server.stop();
      http.closeIdleConnections();
      await queue.drain(drainMs);
      http.closeAllConnections();
      await closed;
      await resources.disposeAsync();
    },
  };
}

function openDatabase({ databaseUrl, dataFolder }: AppConfig, log: Logger): Promise<Database> {
  return databaseUrl === null
    ? openEmbeddedDatabase({ folder: dataFolder, log })
    : openPostgresDatabase({ url: databaseUrl, log });
}

function createProbotServer({ config, log, throttle }: { config: AppConfig; log: Logger; throttle: boolean }): Server {
  const { protocol, host: githubHost } = config.github;
  return new Server({
    host: config.host,
    port: config.port,
    log,
    enableStaticFiles: false,
    Probot: Probot.defaults({
      appId: config.appId,
      privateKey: config.privateKey,
      secret: config.webhookSecret,
      log,
      Octokit: createAppOctokit({ throttle }),
      ...(githubHost === null ? {} : { baseUrl: `${protocol}://${githubHost}/api/v3` }),
    }),
  });
}

/** What the machine has against the address; anything else is our own fault. */
function describeListenError(error: unknown, { host, port }: AppConfig): unknown {
  const code = error instanceof Error && "code" in error ? error.code : null;
  const advice =
    code === "EADDRINUSE"
      ? "is in use. Set PORT to a free port"
      : code === "EACCES"
        ? "may not be listened on by this account. Set PORT to one above 1023"
        : code === "EADDRNOTAVAIL" || code === "ENOTFOUND"
          ? "is no address of this machine. Set HOST to one that is, or to 0.0.0.0 for all"
          : null;
  return advice === null
    ? error
    : new ConfigError({ code: "cannot-listen", userMessage: `${host}:${port} ${advice}.`, cause: error });
}

async function findFaults(database: Database): Promise<string[]> {
  try {
    await database.query("SELECT 1");
    return [];
  } catch {
    return ["the database does not answer"];
  }
}
