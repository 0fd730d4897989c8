import { describe, expect, it } from "vitest";
import { fitMarkdown } from "../../src/github/fit-markdown.ts";
import { updateIndex } from "../../src/github/index-file.ts";
import { endsWithMarker, markerOf } from "../../src/github/marker.ts";

describe("fitMarkdown", () => {
  it("leaves what fits as it is", () => {
    expect(fitMarkdown("a\n", { limit: 10 })).toBe("a");
    expect(fitMarkdown("a", { limit: 100, ending: "end" })).toBe("a\n\nend");
  });

  it.each([
    ["a code block", `intro\n\`\`\`\`py\n\`\`\`\n${"code\n".repeat(100)}`, /\ncode\n````\n\n_The rest/],
    ["a block of tildes", `~~~\n${"code\n".repeat(100)}`, /\ncode\n~~~\n\n_The rest/],
    ["details", `<details>\n<summary>x</summary>\n\n${"text\n".repeat(100)}`, /\ntext\n\n<\/details>\n\n_The rest/],
    ["both", `<details>\n\n\`\`\`\n${"code </details>\n".repeat(40)}`, /\n```\n\n<\/details>\n\n_The rest/],
  ])("closes %s that the cut leaves open", (_, text, shape) => {
    const cut = fitMarkdown(text, { limit: 300, ending: "<!-- k -->" });
    expect(cut).toMatch(shape);
    expect(cut).toMatch(/_\n\n<!-- k -->$/);
    expect(cut.length).toBeLessThanOrEqual(300);
  });

  it("closes nothing that is closed already", () => {
    const cut = fitMarkdown(`\`\`\`\nx\n\`\`\`\n${"text\n".repeat(100)}`, { limit: 200 });
    expect(cut.match(/```/g)).toHaveLength(2);
  });

  it("cuts one endless line between characters", () => {
    for (const limit of [200, 201]) {
      const cut = fitMarkdown("𝒳".repeat(500), { limit });
      expect(cut.length).toBeLessThanOrEqual(limit);
      expect(cut.isWellFormed()).toBe(true);
    }
  });

  it("ends in time on nothing but fences", () => {
    const cut = fitMarkdown("`".repeat(200_000), { limit: 65_536 });
    expect(cut.length).toBeLessThanOrEqual(65_536);
  });
});

describe("a marker", () => {
  it("is one comment whatever the key holds", () => {
    expect(markerOf("a --> <b>\n--")).toBe("<!-- codedistiller:a_-___b__- -->");
    expect(endsWithMarker(`text\r\n\r\n${markerOf("k")}\r\n`, "k")).toBe(true);
    expect(endsWithMarker(`${markerOf("k")}\ntext`, "k")).toBe(false);
    expect(endsWithMarker(null, "k")).toBe(false);
  });
});

describe("updateIndex", () => {
  const entry = { slug: "b", text: "[`b`](b/): new" };

  it("makes the file where there is none, with one list", () => {
    const text = updateIndex({ text: null, entry, slugs: new Set() });
    expect(text).toContain("<!-- codedistiller:index -->\n- [`b`](b/): new\n<!-- /codedistiller:index -->\n");
    expect(updateIndex({ text, entry, slugs: new Set() })).toBe(text);
  });

  it("puts the list under a text that has none", () => {
    expect(updateIndex({ text: "# Mine\n\n", entry, slugs: new Set() })).toBe(
      "# Mine\n\n<!-- codedistiller:index -->\n- [`b`](b/): new\n<!-- /codedistiller:index -->\n",
    );
  });

  it("sorts, replaces its own line, and drops those whose folders are gone", () => {
    const text =
      "<!-- codedistiller:index -->\n- [c](c/): c\n- [`b`](b/): old\n- [gone](gone/)\n- [a](a/)\n<!-- /codedistiller:index -->";
    expect(updateIndex({ text, entry, slugs: new Set(["a", "b", "c"]) })).toBe(
      "<!-- codedistiller:index -->\n- [a](a/)\n- [`b`](b/): new\n- [c](c/): c\n<!-- /codedistiller:index -->",
    );
  });

  it("takes no foreign text along with a marker that has no end", () => {
    const text = "<!-- codedistiller:index -->\nmine\n<!-- codedistiller:index -->\n<!-- /codedistiller:index -->\n";
    expect(updateIndex({ text, entry, slugs: new Set() })).toContain("<!-- codedistiller:index -->\nmine\n<!--");
  });
});
