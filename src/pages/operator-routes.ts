import type { IncomingMessage } from "node:http";
import { type Answer, redirect } from "./answer.ts";
import { listRuns } from "./list-runs.ts";
import type { OperatorSession } from "./operator-session.ts";
import { readForm } from "./read-form.ts";
import { renderPage } from "./render-page.ts";
import type { Exchange, Pages, Route } from "./route.ts";

/** The list of all runs, which is the operator's alone, and the way in and out. */
export const operatorRoutes: readonly Route[] = [
  { path: /^\/runs$/, method: "GET", answer: showRuns },
  { path: /^\/sign-in$/, method: "POST", answer: signIn },
  { path: /^\/sign-out$/, method: "POST", answer: signOut },
];

/** Shown at one time. */
const maxDeadLetters = 50;

async function showRuns({ store, queue, session }: Pages, { request, query }: Exchange): Promise<Answer> {
  if (!session.isOperator(request)) return askForToken(session, null);
  const [deadLetters, queueCounts] = await Promise.all([queue.deadLetters(maxDeadLetters), queue.counts()]);
  const content = await listRuns({ runs: store.runs, query, deadLetters, queueCounts, now: new Date() });
  return renderPage({ name: "runs", title: "Runs", content, isOperator: true });
}

async function signIn({ session }: Pages, { request }: Exchange): Promise<Answer> {
  if (isFromElsewhere(request)) return refuse(403, "Sign in from the page of this app.");
  const form = await readForm(request);
  if (form.kind === "too-large") return refuse(413, "This is longer than a form of this app can be.");
  if (form.kind === "no-form") return refuse(415, "This is no form.");
  const result = session.signIn(form.fields.get("token") ?? "");
  if (result.kind === "signed-in") return redirect("/runs", { "set-cookie": result.cookie });
  return askForToken(session, result.kind);
}

/** Ends a session only where there is one: a form on another site sends no cookie along, and so ends none. */
function signOut({ session }: Pages, { request }: Exchange): Answer {
  if (isFromElsewhere(request) || !session.isOperator(request)) return redirect("/runs");
  return redirect("/runs", { "set-cookie": session.endingCookie });
}

const problems = {
  refused: { status: 401, text: "That is not the token.", headers: {} },
  "too-many": { status: 429, text: "Too many tries. Wait a minute.", headers: { "retry-after": "60" } },
};

function askForToken({ isOpen }: OperatorSession, problem: keyof typeof problems | null): Answer {
  const { status, text, headers } = problem ? problems[problem] : { status: 200, text: null, headers: {} };
  return renderPage({
    name: "sign-in",
    status,
    title: "Runs",
    content: { isOpen, problem: text },
    isOperator: false,
    headers,
  });
}

function refuse(status: number, text: string): Answer {
  return renderPage({
    name: "message",
    status,
    title: "Refused",
    content: { heading: "Refused", text, isHidden: false },
    isOperator: false,
    // What is left of the body is not read.
    headers: { connection: "close" },
  });
}

/** What a browser says of a form on another site; older ones say nothing, and the cookie's own rule holds. */
function isFromElsewhere({ headers }: IncomingMessage): boolean {
  const site = headers["sec-fetch-site"];
  return site !== undefined && site !== "same-origin" && site !== "none";
}
