import type { Logger } from "../log.ts";

/** Where Probot takes them. */
const webhookPath = "/api/github/webhooks";

export interface ForwardOptions {
  /** A channel of a proxy such as smee.io. */
  source: string;
  /** Of this server. */
  host: string;
  port: number;
  log: Logger;
}

/** For development: webhooks come by a proxy such as smee.io, which this machine asks. */
export async function forwardWebhooks({ source, host, port, log }: ForwardOptions): Promise<AsyncDisposable> {
  const { SmeeClient } = await import("smee-client");
  const target = `http://${host}:${port}${webhookPath}`;
  const client = new SmeeClient({
    source,
    target,
    logger: { info: (text: string) => log.info(text), error: (text: string) => log.warn(text) },
  });
  // A proxy that cannot be reached is no reason not to serve: it is told, and tried again by the client.
  await client
    .start()
    .catch((error: unknown) => log.warn({ error: String(error) }, "the webhook proxy does not answer"));
  return { [Symbol.asyncDispose]: () => client.stop() };
}
