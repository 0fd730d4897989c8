import type { RecordedRequest } from "./github-server.ts";

/**
 * What the app asked GitHub, a request a line with what it sent below, without what differs from run to run. Edits of one
 * comment that follow each other are one: how many there are depends on how long a run takes.
 */
export function describeTraffic(requests: readonly RecordedRequest[]): string {
  const names = new Map<string, string>();
  const blocks = requests.map(({ method, path, status, requestBody }) => {
    const sent = requestBody === null || requestBody === "" ? "" : `\n${indent(describeBody(requestBody))}`;
    return { line: `${method} ${path} ${status}`, sent };
  });
  const kept = blocks.filter(({ line }, index) => !line.startsWith("PATCH") || blocks[index + 1]?.line !== line);
  return `${kept.map(({ line, sent }) => replaceChanging(`${line}${sent}`, names)).join("\n")}\n`;
}

function describeBody(body: unknown): string {
  return JSON.stringify(
    body,
    (key, value: unknown) => {
      // Files have tests of their own.
      if (key === "tree" && Array.isArray(value)) return value.map((item: object) => ({ ...item, content: "(text)" }));
      if (key === "body" && typeof value === "string") return value.split("\n")[0];
      return value;
    },
    2,
  );
}

function replaceChanging(text: string, names: Map<string, string>): string {
  return text
    .replace(/\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/g, "<delivery>")
    .replace(/\b[0-9a-f]{40}\b/g, (sha) => {
      const name = names.get(sha) ?? `<object ${names.size + 1}>`;
      names.set(sha, name);
      return name;
    })
    .replace(/\b[0-9a-f]{32}\b/g, "<run>")
    .replace(/\b[0-9a-f]{12}\b/g, "<commit>")
    .replace(/127\.0\.0\.1:\d+|localhost:\d+/g, "<host>")
    .replace(/\b\d+(\.\d+)? (s|min)\b/g, "<time>")
    .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "<date>");
}

function indent(text: string): string {
  return text.replace(/^/gm, "  ");
}
