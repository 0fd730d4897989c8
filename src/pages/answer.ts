import type { IncomingMessage, ServerResponse } from "node:http";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";

/** What a route says; `send` is the only place that writes. */
export interface Answer {
  status: number;
  type: "html" | "json" | "text" | "archive" | "metrics";
  body: string | Buffer | Readable;
  /** Content-Security-Policy; where none is given, nothing may be fetched, run or framed. */
  policy?: string;
  headers?: Record<string, string>;
}

const strictPolicy = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const types: Record<Answer["type"], string> = {
  html: "text/html; charset=utf-8",
  json: "application/json; charset=utf-8",
  text: "text/plain; charset=utf-8",
  archive: "application/gzip",
  metrics: "text/plain; version=0.0.4; charset=utf-8",
};

/** Writes an answer with the headers that all of them have; those of the answer go before them. */
export async function send(request: IncomingMessage, response: ServerResponse, answer: Answer): Promise<void> {
  const { body } = answer;
  response.statusCode = answer.status;
  const headers = {
    "content-type": types[answer.type],
    "content-security-policy": answer.policy ?? strictPolicy,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "x-robots-tag": "noindex",
    "cache-control": "no-store",
    ...answer.headers,
  };
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  if (typeof body === "string" || Buffer.isBuffer(body)) {
    response.setHeader("content-length", Buffer.byteLength(body));
    response.end(request.method === "HEAD" ? undefined : body);
    return;
  }
  if (request.method === "HEAD") {
    body.destroy();
    response.end();
    return;
  }
  // A head that went out cannot be taken back: whoever reads sees the connection break, and never a whole archive.
  await pipeline(body, response).catch(() => response.destroy());
}

export function redirect(location: string, headers: Record<string, string> = {}): Answer {
  return { status: 303, type: "text", body: "", headers: { location, ...headers } };
}

/** One line. */
export function plain(status: number, text: string): Answer {
  return { status, type: "text", body: `${text}\n` };
}

export function json(status: number, value: object): Answer {
  return { status, type: "json", body: `${JSON.stringify(value, null, 2)}\n` };
}
