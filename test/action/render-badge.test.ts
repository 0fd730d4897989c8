import { describe, expect, it } from "vitest";
import { badgeMarkdown, renderBadge } from "../../src/action/render-badge.ts";
import { commit } from "./sample-result.ts";

const date = new Date("2026-11-22T23:59:30.000Z");

/** Luminance of a colour such as `#267d2b`, by WCAG 2.2. */
function luminanceOf(color: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((start) => {
    const channel = Number.parseInt(color.slice(start, start + 2), 16) / 255;
    return channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

describe("a badge", () => {
  it.each([
    ["verified", "verified on 2026-11-22 at 3f1c9a7"],
    ["broken", "broken at 3f1c9a7 (2026-11-22)"],
  ] as const)("of an example that is %s says when and at which commit", async (verdict, message) => {
    const { svg, json } = await renderBadge({ verdict, date, commit });
    expect(svg).toContain(`<title>example: ${message}</title>`);
    expect(svg).toMatch(/^<svg [^>]*\brole="img" aria-label="example: [^"]+"/);
    const endpoint = JSON.parse(json);
    expect(endpoint).toEqual({ schemaVersion: 1, label: "example", message, color: expect.any(String) });
    expect(svg).toContain(`fill="${endpoint.color}"`);
    // White letters on it.
    expect(1.05 / (luminanceOf(endpoint.color) + 0.05)).toBeGreaterThan(4.5);
  });

  it("is told by its colour as well", async () => {
    const [verified, broken] = await Promise.all(
      (["verified", "broken"] as const).map((verdict) => renderBadge({ verdict, date, commit })),
    );
    expect(JSON.parse(verified?.json ?? "").color).not.toBe(JSON.parse(broken?.json ?? "").color);
  });

  it("loads nothing and runs nothing", async () => {
    const { svg } = await renderBadge({ verdict: "verified", date, commit });
    expect(svg.replace('xmlns="http://www.w3.org/2000/svg"', "")).not.toMatch(
      /https?:|href|<script|<style|@import|\son\w+=/i,
    );
    expect(svg.match(/url\([^)]*\)/g)?.every((each) => each.startsWith("url(#"))).toBe(true);
  });

  it("is the same each time, so that it is committed only where something changed", async () => {
    const [first, second] = [
      await renderBadge({ verdict: "verified", date, commit }),
      await renderBadge({ verdict: "verified", date, commit }),
    ];
    expect(first).toEqual(second);
  });

  it("names no commit where there is none", async () => {
    for (const none of [null, "<script>", ""]) {
      const { svg } = await renderBadge({ verdict: "verified", date, commit: none });
      expect(svg).toContain("<title>example: verified on 2026-11-22</title>");
    }
  });

  it("is one line of Markdown that leads to the example", () => {
    const badgeUrl = "https://raw.githubusercontent.com/a/b/codedistiller-badges/b.svg";
    expect(badgeMarkdown({ badgeUrl, folder: "examples/b" })).toBe(
      `[![Example by CodeDistiller](${badgeUrl})](examples/b/)`,
    );
    expect(badgeMarkdown({ badgeUrl: "javascript:alert(1)", folder: "examples/b" })).toBeNull();
  });
});
