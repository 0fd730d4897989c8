import { createHash } from "node:crypto";
import { fitMarkdown, maxBodyCharacters } from "./fit-markdown.ts";
import { markerOf, sealOf } from "./marker.ts";

const sealCharacters = 16;

/** Markdown as the body of a pull request. Its last line tells later whether somebody has changed it, or the title. */
export function sealBody({ title, markdown, key }: { title: string; markdown: string; key: string }): string {
  const unsealed = unsealedMarker(key);
  const body = fitMarkdown(markdown, { limit: maxBodyCharacters, ending: unsealed });
  return body.slice(0, -unsealed.length) + markerOf(key, hashWords({ title, body }));
}

/** Whether none of it would be cut. */
export function fitsBody(markdown: string, key: string): boolean {
  return markdown.trimEnd().length + 2 + unsealedMarker(key).length <= maxBodyCharacters;
}

/** Whether title and body are as they were sealed. A box that was ticked changes neither. */
export function isAsSealed({ title, body }: { title: string; body: string | null }): boolean {
  return body !== null && sealOf(body) === hashWords({ title, body });
}

function unsealedMarker(key: string): string {
  return markerOf(key, "0".repeat(sealCharacters));
}

/** Of all but the last line. GitHub's editor changes line ends. */
function hashWords({ title, body }: { title: string; body: string }): string {
  const lines = body
    .trimEnd()
    .split(/\r\n|\n|\r/)
    .slice(0, -1);
  const unticked = lines.map((line) => line.replace(/^(\s*[-*+] \[)[xX](?=\] )/, "$1 "));
  const words = JSON.stringify([title.trim(), unticked.join("\n").trim()]);
  return createHash("sha256").update(words).digest("hex").slice(0, sealCharacters);
}
