import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { CompletionRequest } from "../../src/models/model.ts";
import type { StreamLimits } from "../../src/models/watch-stream.ts";

/** One answer of an endpoint: bytes exactly as they are sent, and how it ends. */
export interface ScriptedReply {
  status?: number;
  headers?: Record<string, string>;
  chunks?: readonly string[];
  /** `cut` destroys the socket, `hang` leaves it open, `repeat` sends the last chunk for ever. */
  ending?: "end" | "cut" | "hang" | "repeat";
}

export interface ScriptedEndpoint extends AsyncDisposable {
  url: string;
  requests: Array<{ path: string; headers: IncomingHttpHeaders; body: Record<string, unknown> }>;
  /** Connections that the client has given up. */
  abandoned(): number;
}

/** A reply, or what makes one of the request's body. */
export type ReplyTo = ScriptedReply | ((body: Record<string, unknown>) => ScriptedReply);

/** Answers each request with the next reply; one too many is an error of the test. */
export async function startScriptedEndpoint(...replies: ReplyTo[]): Promise<ScriptedEndpoint> {
  const requests: ScriptedEndpoint["requests"] = [];
  let abandoned = 0;
  const server = createServer(async (request, response) => {
    let text = "";
    for await (const chunk of request.setEncoding("utf8")) text += chunk;
    const body = JSON.parse(text || "{}");
    requests.push({ path: request.url ?? "", headers: request.headers, body });
    response.on("close", () => {
      if (!response.writableEnded) abandoned += 1;
    });
    const reply = replies.shift();
    await send(
      response,
      (typeof reply === "function" ? reply(body) : reply) ?? { status: 418, chunks: ["The test has no more replies."] },
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    abandoned: () => abandoned,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function send(
  response: ServerResponse,
  { status = 200, headers = {}, chunks = [], ending = "end" }: ScriptedReply,
) {
  response.writeHead(status, { "content-type": "text/event-stream", ...headers });
  response.flushHeaders();
  for (const chunk of chunks) await write(response, chunk);
  if (ending === "end") response.end();
  // What is still on its way when the socket closes is lost to the client.
  if (ending === "cut") setTimeout(() => response.destroy(), 50);
  while (ending === "repeat" && !response.destroyed) await write(response, chunks.at(-1) ?? "");
}

async function write(response: ServerResponse, text: string): Promise<void> {
  if (response.write(text) || response.destroyed) return;
  await new Promise<void>((resolve) => {
    const proceed = () => {
      response.off("drain", proceed).off("close", proceed);
      resolve();
    };
    response.on("drain", proceed).on("close", proceed);
  });
}

export function jsonReply(status: number, body: unknown, headers: Record<string, string> = {}): ScriptedReply {
  return { status, headers: { "content-type": "application/json", ...headers }, chunks: [JSON.stringify(body)] };
}

/** Server-sent events; named ones carry their type as Anthropic and the Responses API do. */
export function namedEvents(...events: Array<{ type: string; [key: string]: unknown }>): string[] {
  return events.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
}

export function plainEvents(...events: unknown[]): string[] {
  return [...events.map((event) => `data: ${JSON.stringify(event)}\n\n`), "data: [DONE]\n\n"];
}

export const patient: StreamLimits = { firstByteMs: 20_000, idleMs: 20_000, totalMs: 30_000 };
export const impatient: StreamLimits = { firstByteMs: 150, idleMs: 150, totalMs: 10_000 };

export function question(change: Partial<CompletionRequest> = {}): CompletionRequest {
  return {
    system: "You are brief.",
    messages: [{ role: "user", parts: [{ text: "Say hello." }] }],
    maxOutputTokens: 100,
    answer: null,
    ...change,
  };
}

export const colour = {
  name: "colour",
  schema: {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    type: "object",
    properties: { name: { type: "string", minLength: 1 } },
    required: ["name"],
    additionalProperties: false,
  },
};
