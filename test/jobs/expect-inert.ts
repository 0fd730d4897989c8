import type { Nodes } from "mdast";
import { fromMarkdown } from "mdast-util-from-markdown";
import { gfmFromMarkdown } from "mdast-util-gfm";
import { gfm } from "micromark-extension-gfm";
import { expect } from "vitest";

/** What GitHub looks for in rendered text: mentions, references, addresses. */
const live = /@[a-z\d]|#\d|\bGH-\d|:\/\/|\bwww\./i;
/** What nobody sees, and what turns text round. */
const unseen = /[\p{Cc}\p{Zl}\p{Zp}\p{Cs}\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\u{e0000}-\u{e0fff}]/u;

const ourHtml = [
  /^<\/?(code|details)>$/,
  /^<details>\n<summary><code>examples(\/[\w.-]+)?<\/code>: [A-Z][a-z ]+<\/summary>$/,
  /^<details>\n<summary>(Values that it computed|Files|Time and cost by stage|<code>[a-z_.]+<\/code>)<\/summary>$/,
];

export interface Rendered {
  headings: number;
  tasks: Array<boolean | null>;
  links: string[];
  images: string[];
  /** HTML comments that GitHub would hide. */
  markers: string[];
}

/** Reads Markdown as GitHub does and fails at anything live that is not ours; returns what is there to be counted. */
export function expectInert(markdown: string): Rendered {
  const tree = fromMarkdown(markdown, { extensions: [gfm()], mdastExtensions: [gfmFromMarkdown()] });
  const found: Rendered = { headings: 0, tasks: [], links: [], images: [], markers: [] };
  visit(tree, found);
  return found;
}

function visit(node: Nodes, found: Rendered): void {
  if (node.type === "heading") found.headings++;
  if (node.type === "listItem" && typeof node.checked === "boolean") found.tasks.push(node.checked);
  if (node.type === "link") found.links.push(node.url);
  if (node.type === "image") found.images.push(node.url);
  if (node.type === "html") {
    if (/^<!--[^>]*-->$/.test(node.value)) found.markers.push(node.value);
    else expect(ourHtml.some((each) => each.test(node.value)) || node.value).toBe(true);
  }
  if (node.type === "text") expect(node.value).not.toMatch(live);
  if ("value" in node) expect(node.value.replace(/[\n\t]/g, "")).not.toMatch(unseen);
  expect(["footnoteReference", "definition", "linkReference", "imageReference", "delete"]).not.toContain(node.type);
  if ("children" in node) for (const child of node.children) visit(child, found);
}
