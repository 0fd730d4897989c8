import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { run } from "probot";
import { SmeeClient } from "smee-client";
import { ConfigError } from "../errors.ts";
import type { Logger } from "../log.ts";
import type { Terminal } from "./terminal.ts";

export interface SetupOptions {
  terminal: Terminal;
  environment: NodeJS.ProcessEnv;
  log: Logger;
}

/**
 * Probot's own set-up: a page whose button has GitHub make the app from `app.yml`, and a `.env` with what the app needs
 * to start. Runs until the process is told to end. Both files are of the working folder, as Probot has it.
 */
export async function startSetup({ terminal, environment, log }: SetupOptions): Promise<void> {
  const { signal, workingFolder, stderr } = terminal;
  if (environment.NODE_ENV === "production")
    throw new ConfigError({
      code: "setup-in-production",
      userMessage: "Probot sets no app up where NODE_ENV is production: run `NODE_ENV= codedistiller serve --setup`.",
    });
  const packaged = await readFile(new URL("../../app.yml", import.meta.url), "utf8");
  const publicUrl = environment.PUBLIC_URL?.replace(/\/+$/, "");
  const hook = publicUrl ? `hook_attributes:\n  url: ${JSON.stringify(`${publicUrl}/api/github/webhooks`)}\n` : "";
  await writeFile(join(workingFolder, "app.yml"), `${packaged}${hook}`, { flag: "wx" }).catch((error: unknown) => {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
    stderr.write("app.yml is here already, and is used as it is.\n");
  });
  const server = await run(() => undefined, { env: { ...environment, APP_ID: "" }, log, SmeeClient });
  stderr.write(
    `Open http://${server.host}:${server.port} and follow it; then end this with Ctrl-C and start \`serve\`.\n`,
  );
  await new Promise<void>((done) => {
    if (signal.aborted) done();
    else signal.addEventListener("abort", () => done(), { once: true });
  });
  await server.stop();
}
