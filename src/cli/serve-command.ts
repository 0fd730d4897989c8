import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { parseEnv } from "node:util";
import { resolveAppConfig } from "../app-config.ts";
import { ConfigError } from "../errors.ts";
import { createLogger } from "../log.ts";
import { exitStatus } from "./exit-status.ts";
import type { Terminal } from "./terminal.ts";

export interface ServeFlags {
  setup: boolean;
  check: boolean;
}

/** Runs the GitHub App until the process is told to end. */
export async function runServe(terminal: Terminal, configFile: string | undefined, flags: ServeFlags): Promise<number> {
  const { stdout, stderr, signal, homeFolder, workingFolder } = terminal;
  const environment = { ...(await readEnvFile(workingFolder)), ...terminal.environment };
  const log = createLogger((line) => stdout.write(line), environment.LOG_LEVEL || "info");
  if (flags.setup) {
    // The server's packages take a second to load, and no other command needs them.
    const { startSetup } = await import("./start-setup.ts");
    await startSetup({ terminal, environment, log });
    return exitStatus.verified;
  }
  const config = await resolveAppConfig({
    environment,
    file: configFile === undefined ? null : { name: configFile, text: await readConfigFile(workingFolder, configFile) },
    homeFolder,
    readFile: (path) => readFile(resolve(workingFolder, path), "utf8"),
  }).catch(adviseSetup);
  if (flags.check) {
    stdout.write("The configuration can be used.\n");
    return exitStatus.verified;
  }
  const { startServer } = await import("../server.ts");
  const server = await startServer({ host: { environment, homeFolder, workingFolder, signal }, config, log });
  log.info({ address: server.address, database: config.databaseUrl === null ? "embedded" : "postgres" }, "serving");
  await new Promise<void>((done) => {
    if (signal.aborted) done();
    else signal.addEventListener("abort", () => done(), { once: true });
  });
  stderr.write("Runs are given back to the queue; they go on when the app starts again.\n");
  await server.stop();
  log.info("stopped");
  return exitStatus.verified;
}

/** `.env` beside the caller, as Probot reads it; what is set already goes before it. */
async function readEnvFile(folder: string): Promise<NodeJS.Dict<string>> {
  const text = await readFile(join(folder, ".env"), "utf8").catch(() => "");
  return parseEnv(text);
}

async function readConfigFile(folder: string, name: string): Promise<string> {
  return readFile(resolve(folder, name), "utf8").catch((error: unknown) => {
    throw new ConfigError({
      code: "config-not-found",
      userMessage: `${name} cannot be read: check the path of the configuration file.`,
      cause: error,
    });
  });
}

function adviseSetup(error: unknown): never {
  if (!(error instanceof ConfigError) || error.code !== "app-not-set-up") throw error;
  throw new ConfigError({
    code: error.code,
    userMessage: `${error.userMessage}\nIf there is no GitHub App yet, \`codedistiller serve --setup\` has GitHub make one.`,
    cause: error,
  });
}
