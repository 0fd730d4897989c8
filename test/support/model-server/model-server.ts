import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { BilledRequest } from "./bill.ts";
import { BreakpointCache } from "./breakpoint-cache.ts";
import { type ExchangeContext, handleExchange, type RequestRecord } from "./handle-exchange.ts";
import { PrefixCache } from "./prefix-cache.ts";
import type { ReceivedRequest } from "./received-request.ts";
import type { Reply } from "./reply.ts";
import { Tokenizer } from "./tokenizer.ts";

export interface ModelServerOptions {
  /** Answers each request, counted from 0; a request that it answers with nothing is an error. */
  answer?: (request: ReceivedRequest, index: number) => Reply | undefined | Promise<Reply | undefined>;
  /** The only key that is accepted; any is by default. */
  key?: string;
  /** Keeps each request whole in `requests`; by default only its figures, so that a hundred thousand take little room. */
  keepRequests?: boolean;
  /** The clock, in milliseconds, by which prompt caches expire. */
  now?: () => number;
}

export interface ModelServer extends AsyncDisposable {
  /** What ANTHROPIC_BASE_URL is set to. */
  url: string;
  /** What OPENAI_BASE_URL is set to. */
  openAIUrl: string;
  /** Everything that was understood, in the order in which it came. */
  requests: readonly RequestRecord[];
  /** What nobody scripted and what the provider would refuse as malformed, a line each. A test expects this to be empty. */
  unexpected: readonly string[];
  /** Every response that began, in the order in which they ended. */
  bill: readonly BilledRequest[];
  /** The sum of the bill; throws if a model has no price. */
  readonly dollars: number;
  readonly inFlight: number;
  readonly maxInFlight: number;
}

/** Serves the wire protocols of Anthropic and OpenAI on a free port of this machine; what models say is scripted. */
export async function startModelServer(options: ModelServerOptions = {}): Promise<ModelServer> {
  const context = createContext(options);
  let [inFlight, maxInFlight] = [0, 0];
  const server = createServer({ keepAliveTimeout: 60_000, requestTimeout: 0 }, (request, response) => {
    inFlight += 1;
    maxInFlight = Math.max(maxInFlight, inFlight);
    response.once("close", () => {
      inFlight -= 1;
    });
    void handleExchange(request, response, context);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    openAIUrl: `${url}/v1`,
    requests: context.requests,
    unexpected: context.unexpected,
    bill: context.bill,
    get dollars() {
      return context.bill.reduce((sum, billed) => sum + dollarsOf(billed), 0);
    },
    get inFlight() {
      return inFlight;
    },
    get maxInFlight() {
      return maxInFlight;
    },
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

function createContext({ answer, key, keepRequests = false, now = Date.now }: ModelServerOptions): ExchangeContext {
  const tokenizer = new Tokenizer();
  return {
    answer: answer ?? (() => undefined),
    key: key ?? null,
    keepRequests,
    tokenizer,
    caches: { anthropic: new BreakpointCache({ tokenizer, now }), openai: new PrefixCache({ tokenizer, now }) },
    requests: [],
    unexpected: [],
    bill: [],
  };
}

function dollarsOf({ dollars, model }: BilledRequest): number {
  if (dollars === null) throw new Error(`price-list.ts has no price for ${model}`);
  return dollars;
}
