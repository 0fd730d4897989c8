import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { AppSettings } from "../../src/app-settings.ts";
import type { RunState } from "../../src/pipeline/run-state.ts";
import { appEnvironment, eventually } from "./app-under-test.ts";
import type { CommandLine, EndedCommand } from "./command-line.ts";
import { findFreePort } from "./find-free-port.ts";
import type { GitHubServer } from "./github-server.ts";
import { readState } from "./run-result.ts";

export interface ServeOptions {
  commandLine: CommandLine;
  github: GitHubServer;
  /** Its data lie below it: of the same command line, another start with the same name goes on with them. */
  name: string;
  databaseUrl?: string | null;
  environment?: Record<string, string>;
  settings?: Partial<AppSettings>;
  /** Keys of a run's configuration. */
  run?: Record<string, unknown>;
}

/** `codedistiller serve` in a process of its own. */
export interface ServedApp {
  address: string;
  /** Where webhooks go. */
  webhooks: string;
  folder: string;
  /** All that it wrote to its log and its terminal so far. */
  output: () => string;
  signal: (name: NodeJS.Signals) => void;
  ended: Promise<EndedCommand>;
}

/** Starts it and waits until it answers. */
export async function serveApp({
  commandLine,
  github,
  name,
  databaseUrl = null,
  environment = {},
  settings = {},
  run = {},
}: ServeOptions): Promise<ServedApp> {
  const folder = commandLine.path(name);
  const port = await findFreePort();
  const variables = appEnvironment({ github, folder, port, databaseUrl, environment });
  const file = `${folder}.json`;
  writeFileSync(file, JSON.stringify({ ...run, app: settings }));
  const { process, ended } = commandLine.start(["serve", file], { environment: variables, timeoutSeconds: 180 });
  let output = "";
  for (const stream of [process.stdout, process.stderr]) stream?.on("data", (chunk: string) => (output += chunk));
  const address = `http://127.0.0.1:${port}`;
  await eventually(`${name} that serves`, async () => {
    if (process.exitCode !== null || process.signalCode !== null) throw new Error(`It ended:\n${output}`);
    return fetch(`${address}/readyz`).then(
      ({ ok }) => ok,
      () => false,
    );
  });
  return {
    address,
    webhooks: `${address}/api/github/webhooks`,
    folder,
    output: () => output,
    signal: (name) => void process.kill(name),
    ended,
  };
}

/** The stages that were begun, oldest first, as a run's own log in the folder of that app has them. */
export function readStages({ folder }: Pick<ServedApp, "folder">, runId: string): string[] {
  const path = join(folder, "data", "runs", runId, "run.log");
  if (!existsSync(path)) return [];
  return readFileSync(path, "utf8")
    .split("\n")
    .flatMap((line) => /"kind":"stage-started","stage":"(\w+)"/.exec(line)?.[1] ?? []);
}

export function readRunStateOf({ folder }: Pick<ServedApp, "folder">, runId: string): RunState {
  return readState(join(folder, "data", "runs", runId));
}
