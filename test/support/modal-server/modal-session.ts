import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type App, type Image, ModalClient, type Sandbox, type SandboxCreateParams } from "modal";
import { type ModalServer, startModalServer } from "./modal-server.ts";

/** A server and the SDK as its client, whose settings are in this process's environment meanwhile. */
export interface ModalSession extends AsyncDisposable {
  server: ModalServer;
  client: ModalClient;
  app: App;
  image: Image;
  /** Holds the files of the server and nothing else. */
  folder: string;
  create(options?: SandboxCreateParams): Promise<Sandbox>;
  /** Ends all sandboxes and throws for what was sent against the protocol. */
  reset(): Promise<void>;
}

export async function openModalSession(rootfs: string): Promise<ModalSession> {
  const folder = mkdtempSync(join(tmpdir(), "modal-session-"));
  const server = await startModalServer({ rootfs, folder });
  Object.assign(process.env, server.environment);
  const client = new ModalClient();
  const app = await client.apps.fromName("tests", { createIfMissing: true });
  const image = await client.images.fromRegistry("debian:12").build(app);
  return {
    server,
    client,
    app,
    image,
    folder,
    create: (options) => client.sandboxes.create(app, image, { timeoutMs: 60_000, blockNetwork: true, ...options }),
    async reset() {
      server.faults.clear();
      for await (const sandbox of client.sandboxes.list({ appId: app.appId })) await sandbox.terminate();
      server.expectNoViolations();
    },
    async [Symbol.asyncDispose]() {
      client.close();
      await server.stop();
      for (const name of Object.keys(server.environment)) delete process.env[name];
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export async function runToEnd(
  sandbox: Sandbox,
  argv: string[],
  options: { timeoutMs?: number; env?: Record<string, string>; workdir?: string } = {},
): Promise<{ code: number; stdout: string; stderr: string }> {
  const program = await sandbox.exec(argv, { timeoutMs: 20_000, ...options });
  const [code, stdout, stderr] = await Promise.all([
    program.wait(),
    program.stdout.readText(),
    program.stderr.readText(),
  ]);
  return { code, stdout, stderr };
}
