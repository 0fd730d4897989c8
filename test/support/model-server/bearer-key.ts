import type { IncomingHttpHeaders } from "node:http";

export function bearerKey(headers: IncomingHttpHeaders): string | null {
  return /^Bearer (.+)$/.exec(headers.authorization ?? "")?.[1] ?? null;
}
