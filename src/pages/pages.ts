import type { IncomingMessage, ServerResponse } from "node:http";
import { type Answer, plain, send } from "./answer.ts";
import { showHome } from "./home.ts";
import { operatorRoutes } from "./operator-routes.ts";
import { createOperatorSession } from "./operator-session.ts";
import type { Pages, PagesOptions, Route } from "./route.ts";
import { runRoutes } from "./run-routes.ts";
import { serviceRoutes } from "./service-routes.ts";

/** In the form of Probot's `addHandler`: true when the request was answered. */
export type PagesHandler = (request: IncomingMessage, response: ServerResponse) => Promise<boolean>;

/** The first whose path fits has the request. */
const routes: readonly Route[] = [
  { path: /^\/$/, method: "GET", answer: showHome },
  ...operatorRoutes,
  ...runRoutes,
  ...serviceRoutes,
];

/** The pages of the app. Errors are the server's to log and answer. */
export function createPages(options: PagesOptions): PagesHandler {
  const { operatorToken, secret, publicUrl } = options;
  const isSecure = publicUrl !== null && /^https:/i.test(publicUrl);
  const pages: Pages = { ...options, session: createOperatorSession({ token: operatorToken, secret, isSecure }) };
  return async (request, response) => {
    const { path, query } = splitAddress(request.url ?? "");
    const route = routes.find((each) => each.path.test(path));
    if (!route) return false;
    const exchange = { request, query, id: route.path.exec(path)?.[1] ?? "" };
    const answer = isMethodOf(route, request) ? await route.answer(pages, exchange) : refuseMethod(route);
    await send(request, response, answer);
    return true;
  };
}

function isMethodOf({ method }: Route, request: IncomingMessage): boolean {
  return request.method === method || (request.method === "HEAD" && method === "GET");
}

function refuseMethod({ method }: Route): Answer {
  const allow = method === "GET" ? "GET, HEAD" : method;
  return { ...plain(405, "This method is not allowed here."), headers: { allow } };
}

/** By hand: a parser of addresses takes a path that begins with two slashes for a host, and throws on some. */
function splitAddress(address: string): { path: string; query: URLSearchParams } {
  const at = address.indexOf("?");
  if (at < 0) return { path: address, query: new URLSearchParams() };
  return { path: address.slice(0, at), query: new URLSearchParams(address.slice(at + 1)) };
}
