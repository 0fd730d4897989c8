import type { IncomingMessage } from "node:http";

/** Largest body of a form, in bytes: a token and a name. */
const maxFormBytes = 4096;

export type Form = { kind: "form"; fields: URLSearchParams } | { kind: "too-large" } | { kind: "no-form" };

/** Reads the body of a posted form, and never more of it than a form of ours can have. */
export async function readForm(request: IncomingMessage): Promise<Form> {
  const [type] = (request.headers["content-type"] ?? "").split(";");
  if (type?.trim().toLowerCase() !== "application/x-www-form-urlencoded") return { kind: "no-form" };
  if (Number(request.headers["content-length"] ?? 0) > maxFormBytes) return { kind: "too-large" };
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxFormBytes) return { kind: "too-large" };
    chunks.push(chunk);
  }
  return { kind: "form", fields: new URLSearchParams(Buffer.concat(chunks).toString("utf8")) };
}
