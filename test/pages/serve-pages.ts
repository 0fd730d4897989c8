import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createMetrics, type Metrics } from "../../src/pages/metrics.ts";
import { createPages } from "../../src/pages/pages.ts";
import type { PagesOptions } from "../../src/pages/route.ts";
import { createMemoryStore, type MemoryStore } from "./memory-store.ts";

export const operatorToken = "a-token-of-the-operator-0123456789";

export interface ServedPages extends AsyncDisposable {
  address: string;
  store: MemoryStore;
  metrics: Metrics;
  /** Signs in as a form does, and gives the Cookie header. */
  signIn: () => Promise<string>;
}

/** The pages behind a real server, with what Probot does around its handlers: 404 for what nobody answers, 500 for errors. */
export async function servePages(options: Partial<PagesOptions> = {}): Promise<ServedPages> {
  const store = createMemoryStore();
  const queue = {
    counts: async () => ({ deliveries: 2, runs: 1, "dead-letters": 1 }),
    deadLetters: async () => [
      {
        id: "1",
        at: "2026-11-23T08:00:00.000Z",
        what: "issue_comment of marit-solheim/orbital-elements",
        error: "GitHub answered 502 eight times.\u202e <b>x</b>",
        data: {},
      },
    ],
  };
  const metrics = createMetrics({ store, queue });
  const handle = createPages({
    ...{ store, queue, metrics, operatorToken, secret: "a secret of webhooks", publicUrl: null },
    whatIsNotReady: async () => [],
    ...options,
  });
  const server = createServer((request, response) => {
    handle(request, response).then(
      (answered) => answered || response.writeHead(404).end("nobody"),
      () => response.writeHead(500).end(),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    ...{ address, store, metrics },
    async signIn() {
      const answer = await postForm(`${address}/sign-in`, { token: operatorToken });
      return (answer.headers.get("set-cookie") ?? "").split(";")[0] ?? "";
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

export function postForm(url: string, fields: Record<string, string>, headers: Record<string, string> = {}) {
  return fetch(url, { method: "POST", body: new URLSearchParams(fields), headers, redirect: "manual" });
}
