import { createHash } from "node:crypto";
import { render, renderText, trustedHtml } from "../templates/render.ts";
import type { Answer } from "./answer.ts";

/** In the order in which one may change what another says; the reports' own, and ours last. */
const styleSheets = [
  ...["colours", "base", "head", "evidence"].map((name) => `reports/style/${name}.css`),
  ...["frame", "forms", "lists", "run", "narrow"].map((name) => `pages/style/${name}.css`),
];
const style = styleSheets.map((name) => renderText(name)).join("");
const refreshScript = renderText("pages/refresh-run.js");

export interface PageOptions {
  /** A template below `templates/pages/`, and what it is given. */
  name: "home" | "runs" | "run" | "sign-in" | "message";
  content: object;
  title: string;
  isOperator: boolean;
  status?: number;
  /** Whether the page looks for its own changes. */
  refreshes?: boolean;
  headers?: Record<string, string>;
}

/** A whole page. Its style and its one script lie in it, and the policy names them by their hashes: nothing else can run. */
export function renderPage({
  name,
  content,
  title,
  isOperator,
  status = 200,
  refreshes = false,
  headers,
}: PageOptions): Answer {
  const body = render("pages/layout.html", {
    title,
    isOperator,
    refreshes,
    template: `pages/${name}.html`,
    content,
    style: trustedHtml(style),
    script: trustedHtml(refreshScript),
  });
  return {
    status,
    type: "html",
    body,
    policy: refreshes ? refreshingPolicy : pagePolicy,
    ...(headers ? { headers } : {}),
  };
}

const pagePolicy = `default-src 'none'; style-src ${hashOf(style)}; form-action 'self'; base-uri 'none'; frame-ancestors 'none'`;
const refreshingPolicy = `${pagePolicy}; script-src ${hashOf(refreshScript)}; connect-src 'self'`;

function hashOf(text: string): string {
  return `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
}
