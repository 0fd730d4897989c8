import type { IncomingMessage } from "node:http";
import { type Answer, json, plain } from "./answer.ts";
import { describeRunForPrograms } from "./describe-run.ts";
import type { Exchange, Pages, Route } from "./route.ts";

/** What other programs ask. */
export const serviceRoutes: readonly Route[] = [
  { path: /^\/healthz$/, method: "GET", answer: () => plain(200, "live") },
  { path: /^\/readyz$/, method: "GET", answer: showReady },
  { path: /^\/metrics$/, method: "GET", answer: showMetrics },
  { path: /^\/runs\.json$/, method: "GET", answer: listForPrograms },
];

async function showReady({ whatIsNotReady }: Pages): Promise<Answer> {
  const missing = await whatIsNotReady();
  return json(missing.length === 0 ? 200 : 503, { ready: missing.length === 0, missing });
}

async function showMetrics({ metrics, session }: Pages, { request }: Exchange): Promise<Answer> {
  const admission = session.admitProgram(request);
  if (admission === "too-many") return { ...plain(429, "Too many wrong tokens."), headers: { "retry-after": "60" } };
  if (admission === "operator" || (!session.isOpen && isLocal(request)))
    return { status: 200, type: "metrics", body: await metrics.text() };
  if (!session.isOpen) return plain(403, "Without an operator's token, metrics are for this machine only.");
  return { ...plain(401, "Send the operator's token."), headers: { "www-authenticate": "Bearer" } };
}

/** The newest runs of all, for the operator's own programs. */
async function listForPrograms({ store, session }: Pages, { request }: Exchange): Promise<Answer> {
  if (session.admitProgram(request) !== "operator")
    return { ...json(401, { error: "Send the operator's token." }), headers: { "www-authenticate": "Bearer" } };
  const found = await store.runs.find({ limit: mostListed });
  const runs = found.map(async (run) => describeRunForPrograms(run, { place: await store.runs.place(run) }));
  return json(200, { runs: await Promise.all(runs) });
}

const mostListed = 200;

/** From this machine itself, and not through a proxy that runs on it. */
function isLocal({ socket, headers }: IncomingMessage): boolean {
  const isForwarded = ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via"].some(
    (name) => headers[name] !== undefined,
  );
  return !isForwarded && /^(::1|(::ffff:)?127\.\d+\.\d+\.\d+)$/.test(socket.remoteAddress ?? "");
}
