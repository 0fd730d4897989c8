import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { GitHub } from "./answer.ts";
import { type Answer, type Ask, type Caller, refuse } from "./exchange.ts";
import type { Delay, Fault, RecordedRequest } from "./protocol.ts";
import { userToken } from "./state.ts";

/** What the app said and heard, what it is to hear instead, and what broke the description. */
export interface Traffic {
  requests: RecordedRequest[];
  violations: string[];
  faults: Array<Required<Pick<Fault, "times">> & Fault>;
  delays: Array<Required<Pick<Delay, "times">> & Delay>;
  /** Breaches of GitHub's description in a request and its answer. */
  check(ask: Ask, answer: Answer): string[];
}

export interface Front {
  url: string;
  server: Server;
  /** Begins to answer; before, every request is 503. */
  serve(github: GitHub): void;
}

/** The HTTP end that the app talks to. It listens first, because the addresses in answers name its port. */
export async function listen(traffic: Traffic): Promise<Front> {
  let github: GitHub | undefined;
  const server = createServer((request, response) => {
    if (!github) {
      response.writeHead(503).end();
      return;
    }
    // Where GitHub Enterprise Server has its API, and so where an app whose GHE_HOST is this server asks.
    request.url = request.url?.replace(/^\/api\/v3(?=\/)/, "") ?? "/";
    handle({ github, traffic, request, response }).catch((error: unknown) => {
      traffic.violations.push(`${request.method} ${request.url}: the test's GitHub broke: ${String(error)}`);
      if (!response.headersSent) response.writeHead(500);
      response.end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    server,
    serve(given) {
      github = given;
    },
  };
}

interface Exchange {
  github: GitHub;
  traffic: Traffic;
  request: IncomingMessage;
  response: ServerResponse;
}

async function handle({ github, traffic, request, response }: Exchange): Promise<void> {
  const at = Date.now();
  const method = request.method ?? "GET";
  const path = request.url ?? "/";
  const url = new URL(path, github.state.apiUrl);
  const text = await readText(request);
  const body = parse(text);
  const caller = identify(github, request.headers.authorization);
  const accept = request.headers.accept ?? "";
  const ask = {
    method,
    path: decodePath(url.pathname),
    query: url.searchParams,
    accept,
    body,
    caller: caller ?? nobody,
  };
  const delay = take(traffic.delays, method, path);
  if (delay) await new Promise((resolve) => setTimeout(resolve, delay.milliseconds));
  const fault = take(traffic.faults, method, path);
  const unknown = caller === null ? refuse(401, "Bad credentials") : null;
  if (fault?.done && !unknown) await github.answer(ask);
  const answer = fault ? faultAnswer(fault) : (unknown ?? (await github.answer(ask)));
  const responseBody = Buffer.isBuffer(answer.body) ? answer.body.toString() : (answer.body ?? null);
  traffic.requests.push({ method, path, status: answer.status, requestBody: body ?? null, responseBody, at });
  traffic.violations.push(...traffic.check(ask, answer));
  send(response, answer);
}

const nobody: Caller = { kind: "nobody" };

/** Null for a token that GitHub does not know, or no longer. */
function identify({ state }: GitHub, authorization: string | undefined): Caller | null {
  if (authorization === undefined) return nobody;
  const token = authorization.replace(/^(bearer|token)\s+/i, "");
  if (token.startsWith("eyJ")) return { kind: "app", authorization };
  const grant = state.workflowTokens.get(token);
  const login = grant?.login ?? state.personalTokens.get(token);
  if (login !== undefined) {
    const as = { login, authorization: `token ${userToken(login)}` };
    return grant ? { kind: "workflow", ...as, grant } : { kind: "user", ...as, outside: true };
  }
  const issued = state.tokens.get(token);
  if (!issued?.installation.installed || issued.expiresAt < Date.now()) return null;
  return { kind: "installation", authorization, installation: issued.installation };
}

function take<T extends { method: string; path: RegExp; times: number }>(
  all: T[],
  method: string,
  path: string,
): T | undefined {
  const found = all.find((one) => one.times > 0 && one.method === method && one.path.test(path));
  if (found) found.times -= 1;
  return found;
}

function faultAnswer({ status, headers, body }: Fault): Answer {
  const plain = refuse(status, status === 404 ? "Not Found" : status >= 500 ? "Server Error" : "Forbidden");
  return { status, body: body ?? plain.body, ...(headers ? { headers } : {}) };
}

function send(response: ServerResponse, { status, body, headers }: Answer): void {
  for (const [name, value] of Object.entries(headers ?? {})) response.setHeader(name, value);
  if (body === undefined) {
    response.writeHead(status).end();
    return;
  }
  if (!response.hasHeader("content-type")) response.setHeader("content-type", "application/json; charset=utf-8");
  response.writeHead(status).end(Buffer.isBuffer(body) ? body : JSON.stringify(body));
}

async function readText(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

function parse(text: string): unknown {
  if (text === "") return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** Octokit escapes the slashes of a branch's name. */
function decodePath(path: string): string {
  return /\/git\/(ref|refs|matching-refs)\//.test(path) ? path.replace(/%2F/gi, "/") : path;
}
