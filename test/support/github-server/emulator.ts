import { createEmulator, type SeedConfig } from "emulate";
import { findFreePort } from "../find-free-port.ts";
import type { Answer, Ask } from "./exchange.ts";

/** The GitHub emulator behind the front: what it keeps and answers is passed on, completed. */
export interface Emulator extends AsyncDisposable {
  ask(ask: Pick<Ask, "method" | "path" | "query" | "body"> & { authorization?: string }): Promise<Answer>;
}

/** `apiUrl` is the front's, so that the addresses in answers lead there. */
export async function startEmulator({ apiUrl, seed }: { apiUrl: string; seed: SeedConfig }): Promise<Emulator> {
  const port = await findFreePort();
  const emulator = await createEmulator({ service: "github", port, hostname: "127.0.0.1", baseUrl: apiUrl, seed });
  return {
    async ask({ method, path, query, body, authorization }) {
      const search = query.size > 0 ? `?${query}` : "";
      const response = await fetch(`http://127.0.0.1:${port}${path}${search}`, {
        method,
        redirect: "manual",
        headers: { "content-type": "application/json", ...(authorization ? { authorization } : {}) },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const text = await response.text();
      return { status: response.status, body: parseBody(text), headers: keptHeaders(response.headers) };
    },
    async [Symbol.asyncDispose]() {
      await emulator.close();
    },
  };
}

function parseBody(text: string): unknown {
  if (text === "") return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function keptHeaders(headers: Headers): Record<string, string> {
  return Object.fromEntries(
    [...headers].filter(([name]) => name.startsWith("x-") || ["link", "location", "etag"].includes(name)),
  );
}
