import type { IncomingMessage } from "node:http";
import type { Queue } from "../jobs/queue.ts";
import type { RunFiles, RunStore } from "../store/store.ts";
import type { Answer } from "./answer.ts";
import type { Metrics } from "./metrics.ts";
import type { OperatorSession } from "./operator-session.ts";
import { renderPage } from "./render-page.ts";

/** Pages look, and change nothing. */
export interface PagesStore {
  runs: Pick<RunStore, "get" | "find" | "place" | "readLog" | "count">;
  files: Pick<RunFiles, "list" | "read">;
}

export interface PagesOptions {
  store: PagesStore;
  queue: Pick<Queue, "counts" | "deadLetters">;
  metrics: Pick<Metrics, "text">;
  /** Who has it may see all runs; null: nobody may. */
  operatorToken: string | null;
  /** Signs sessions. */
  secret: string;
  /** Where browsers reach the app; HTTPS makes the cookie one of HTTPS only. */
  publicUrl: string | null;
  /** Why no requests should be sent here now; nothing where they may be. */
  whatIsNotReady: () => Promise<string[]>;
  /** The app's own page on GitHub, where it is installed; null while GitHub does not tell. */
  appUrl?: () => Promise<string | null>;
  /** The site of GitHub where it is not github.com. */
  githubUrl?: string;
}

/** What all routes are made from. */
export interface Pages extends PagesOptions {
  session: OperatorSession;
}

export interface Exchange {
  request: IncomingMessage;
  query: URLSearchParams;
  /** What the route's pattern caught. */
  id: string;
}

export interface Route {
  path: RegExp;
  /** GET stands for HEAD as well. */
  method: "GET" | "POST";
  answer: (pages: Pages, exchange: Exchange) => Promise<Answer> | Answer;
}

export const noSuchRun = "There is no such run, or you may not see it.";

/** One answer for what is not there and what is not to be seen: nobody learns which. */
export function hideRun({ session }: Pages, { request }: Exchange): Answer {
  return renderPage({
    name: "message",
    status: 404,
    title: "Not found",
    content: { heading: "Not found", text: noSuchRun, isHidden: true },
    isOperator: session.isOperator(request),
  });
}
