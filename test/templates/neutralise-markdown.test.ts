import type { Nodes } from "mdast";
import { fromMarkdown } from "mdast-util-from-markdown";
import { describe, expect, it } from "vitest";
import { markdownCellCode, markdownCode, neutraliseMarkdown } from "../../src/templates/reports/neutralise-markdown.ts";
import { showHidden } from "../../src/templates/reports/show-hidden.ts";
import { attack } from "./sample/hostile-run.ts";

/** What GitHub looks for in rendered text: mentions, references, addresses. */
const live = /@[a-z\d]|#\d|\bGH-\d|https?:\/\/|\bwww\./i;

function nodesOf(node: Nodes): Nodes[] {
  return [node, ...("children" in node ? node.children.flatMap(nodesOf) : [])];
}

describe("neutraliseMarkdown", () => {
  it("leaves nothing but a paragraph of text", () => {
    const nodes = nodesOf(fromMarkdown(neutraliseMarkdown(attack)));
    expect(nodes.map(({ type }) => type)).toEqual(["root", "paragraph", "text"]);
  });

  it("parts mentions, references and addresses in the text that is rendered", () => {
    const text = nodesOf(fromMarkdown(neutraliseMarkdown(attack))).find((node) => node.type === "text");
    expect(text && "value" in text ? text.value : "").not.toMatch(live);
  });

  it.each([
    "- item",
    "+ item",
    "1. item",
    "12) item",
    "# head",
    "> quote",
    "=== ",
    "    code",
    "~~~",
    "| a |",
    "[x]: y",
  ])("shows %j as it stands", (start) => {
    const nodes = nodesOf(fromMarkdown(neutraliseMarkdown(start)));
    expect(nodes.map(({ type }) => type)).toEqual(["root", "paragraph", "text"]);
    const text = nodes[2];
    expect(text && "value" in text ? text.value : null).toBe(start.trim());
  });

  it("keeps no pipe, whatever stands before it, so that no table cell ends early", () => {
    for (const text of ["a|b", "a\\|b", "a\\\\|b"]) {
      expect(neutraliseMarkdown(text)).not.toContain("|");
      expect(markdownCellCode(text)).not.toContain("|");
    }
  });
});

describe("markdownCode", () => {
  it.each(["plain", "`", "``a`", "a `` b", "", "two\nlines", attack])("is one code span for %j", (text) => {
    const nodes = nodesOf(fromMarkdown(`x ${markdownCode(text)} y`));
    expect(nodes.map(({ type }) => type)).toEqual(["root", "paragraph", "text", "inlineCode", "text"]);
  });
});

describe("showHidden", () => {
  it("shows control characters as pictures and everything without a glyph by its number", () => {
    expect(showHidden("a\u0000\u001b[1m\u007f\u0085\u202e\u2066\u200b\ufeff\u2028\u{e0041}\ud800z")).toBe(
      "a␀␛[1m␡\\u0085\\u202e\\u2066\\u200b\\ufeff\\u2028\\u{e0041}\\ud800z",
    );
  });

  it("leaves text, lines, tabs and emoji as they are", () => {
    const text = "naïve\tΔx ≤ 3 µm\n日本語 👩‍🔬 ✔️ שלום";
    expect(showHidden(text.replace("\n", "\r\n"))).toBe(text);
  });

  it("changes nothing the second time", () => {
    expect(showHidden(showHidden(attack))).toBe(showHidden(attack));
  });
});
