import { randomBytes } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { text } from "node:stream/consumers";
import { setTimeout as pause } from "node:timers/promises";
import { type BilledRequest, billFor } from "./bill.ts";
import { chatProtocol } from "./chat-protocol.ts";
import { composeAnswer } from "./compose-answer.ts";
import { deliverAnswer } from "./deliver-answer.ts";
import { messagesProtocol } from "./messages-protocol.ts";
import type { CacheLookup, PromptCache } from "./prompt-cache.ts";
import type { Protocol, ReadRequest } from "./protocol.ts";
import { errorBody, type ProviderError, providerError, retryHeaders, type Vendor } from "./provider-errors.ts";
import { type Api, type ReceivedRequest, RefusedRequest } from "./received-request.ts";
import { type Delivery, interruptionOf, type Reply, type Said } from "./reply.ts";
import { responsesProtocol } from "./responses-protocol.ts";
import type { Tokenizer } from "./tokenizer.ts";

export interface ExchangeContext {
  answer: (request: ReceivedRequest, index: number) => Reply | undefined | Promise<Reply | undefined>;
  key: string | null;
  keepRequests: boolean;
  tokenizer: Tokenizer;
  caches: Record<Vendor, PromptCache>;
  requests: RequestRecord[];
  unexpected: string[];
  bill: BilledRequest[];
}

export interface RequestRecord {
  api: Api;
  model: string;
  stream: boolean;
  promptTokens: number;
  /** The request itself, where the server keeps them. */
  received: ReceivedRequest | null;
}

const protocols: Record<string, Protocol> = {
  "/messages": messagesProtocol,
  "/responses": responsesProtocol,
  "/chat/completions": chatProtocol,
};

/** One request from its headers to the end of its response. */
export async function handleExchange(
  request: IncomingMessage,
  response: ServerResponse,
  context: ExchangeContext,
): Promise<void> {
  const path = new URL(request.url ?? "/", "http://127.0.0.1").pathname;
  const protocol = request.method === "POST" ? protocols[/\/v1(\/.*)$/.exec(path)?.[1] ?? ""] : undefined;
  const gone = new AbortController();
  response.once("close", () => gone.abort());
  const exchange = new Exchange({ context, protocol: protocol ?? messagesProtocol, response, signal: gone.signal });
  try {
    if (!protocol) exchange.failUnexpectedly(404, `${request.method} ${path} is not spoken here`);
    else await exchange.run(request);
  } catch (error) {
    if (!gone.signal.aborted) exchange.failUnexpectedly(500, error instanceof Error ? error.message : String(error));
  }
}

class Exchange {
  readonly #context: ExchangeContext;
  readonly #protocol: Protocol;
  readonly #response: ServerResponse;
  readonly #signal: AbortSignal;
  readonly #id = randomBytes(12).toString("hex");

  constructor({
    context,
    protocol,
    response,
    signal,
  }: {
    context: ExchangeContext;
    protocol: Protocol;
    response: ServerResponse;
    signal: AbortSignal;
  }) {
    this.#context = context;
    this.#protocol = protocol;
    this.#response = response;
    this.#signal = signal;
  }

  async run(incoming: IncomingMessage): Promise<void> {
    const { key: onlyKey, caches, requests } = this.#context;
    const { vendor } = this.#protocol;
    const content = await text(incoming);
    const key = this.#protocol.readKey(incoming.headers);
    if (key === null || (onlyKey !== null && key !== onlyKey))
      return this.#sendError(providerError(vendor, "unauthorized", ""));
    const body = parseJson(content);
    const request = this.#read(body, incoming);
    if (!request) return;
    const { model } = request;
    const lookup = caches[vendor].lookUp({ prompt: request.prompt, model, scope: key });
    const received = receivedRequest(request, { promptTokens: lookup.promptTokens, body, headers: incoming.headers });
    const index = requests.length;
    requests.push(recordOf(received, this.#context.keepRequests));
    const reply = await this.#context.answer(received, index);
    if (reply === undefined) throw new Error(`Nobody scripted an answer to request ${index}, ${describe(received)}`);
    await this.#reply(typeof reply === "string" ? { text: reply } : reply, { request, lookup, index });
  }

  /** A failure of the script or of the client, not of the provider: no retry will help. */
  failUnexpectedly(status: number, message: string): void {
    this.#context.unexpected.push(message);
    const type = status === 404 ? "not_found_error" : "api_error";
    if (this.#response.headersSent) this.#response.destroy();
    else this.#sendError({ status, type, message, code: null }, { "x-should-retry": "false" });
  }

  #read(body: unknown, { headers }: IncomingMessage): ReadRequest | null {
    try {
      return this.#protocol.read(body, headers);
    } catch (error) {
      if (!(error instanceof RefusedRequest)) throw error;
      this.#context.unexpected.push(`${this.#protocol.api} refused: ${error.message}`);
      this.#sendError({ status: 400, type: "invalid_request_error", message: error.message, code: null });
      return null;
    }
  }

  async #reply(reply: Exclude<Reply, string>, asked: Asked): Promise<void> {
    if (reply.delayMs) await pause(reply.delayMs, undefined, { signal: this.#signal });
    if ("hangUp" in reply) this.#response.socket?.destroy();
    else if ("html" in reply)
      this.#response.writeHead(reply.status ?? 200, { "content-type": "text/html" }).end(reply.html);
    else if ("error" in reply) {
      const error = providerError(this.#protocol.vendor, reply.error, asked.request.model);
      this.#sendError(error, retryHeaders(reply.retryAfter));
    } else await this.#say(reply, asked);
  }

  async #say(said: Said & Delivery, { request, lookup, index }: Asked): Promise<void> {
    const { tokenizer, bill } = this.#context;
    const { vendor } = this.#protocol;
    const interruption = interruptionOf(said)?.kind;
    if (!request.stream && (interruption === "error" || interruption === "failed"))
      return this.#sendError(providerError(vendor, "overloaded", request.model));
    const answer = composeAnswer({ said, request, lookup, id: this.#id, tokenizer });
    lookup.begin();
    const delivered = await deliverAnswer({
      response: this.#response,
      headers: { [this.#protocol.requestIdHeader]: `req_${this.#id}` },
      writer: this.#protocol.write(answer),
      answer,
      delivery: said,
      endless: "endless" in said,
      signal: this.#signal,
    });
    bill.push({ index, ...billFor(answer, delivered, tokenizer) });
  }

  #sendError(error: ProviderError, headers: Record<string, string> = {}): void {
    const { vendor, requestIdHeader } = this.#protocol;
    const requestId = `req_${this.#id}`;
    this.#response.writeHead(error.status, {
      "content-type": "application/json",
      [requestIdHeader]: requestId,
      ...headers,
    });
    this.#response.end(JSON.stringify(errorBody(vendor, error, requestId)));
  }
}

interface Asked {
  request: ReadRequest;
  lookup: CacheLookup;
  index: number;
}

function parseJson(content: string): unknown {
  try {
    return JSON.parse(content);
  } catch {
    return undefined;
  }
}

function receivedRequest(
  { api, model, system, messages, wants, maxTokens, stream }: ReadRequest,
  rest: Pick<ReceivedRequest, "promptTokens" | "body" | "headers">,
): ReceivedRequest {
  return { api, model, system, messages, wants, maxTokens, stream, ...rest };
}

function recordOf(received: ReceivedRequest, keep: boolean): RequestRecord {
  const { api, model, stream, promptTokens } = received;
  return { api, model, stream, promptTokens, received: keep ? received : null };
}

function describe({ api, model, messages }: ReceivedRequest): string {
  const last = messages.at(-1)?.text ?? "";
  return `${api} to ${model}: ${JSON.stringify(last.slice(0, 200))}`;
}
