import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import axe from "axe-core";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { writeReport } from "../../src/pipeline/write-report.ts";
import { openBrowser } from "../support/browser.ts";
import {
  failedRun,
  hostileRun,
  partialRun,
  type SampleRun,
  skippedRun,
  verifiedRun,
  writeSampleRun,
} from "../support/sample-run.ts";

const runs: Record<string, SampleRun> = {
  verified: verifiedRun(),
  partial: partialRun(),
  failed: failedRun(),
  skipped: skippedRun(),
  hostile: hostileRun({ linked: false }),
  linked: hostileRun({ linked: true }),
};
const benign = ["verified", "partial", "failed", "skipped"];
const hostile = ["hostile", "linked"];

const browser = await openBrowser();
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "report-browser-"));
  for (const [name, run] of Object.entries(runs)) {
    await writeSampleRun(join(folder, name), run);
    await writeReport({ runFolder: join(folder, name), state: run.state, survey: run.survey });
  }
});
afterAll(async () => {
  await browser?.close();
  await rm(folder, { recursive: true, force: true });
});

interface Visit {
  page: Page;
  /** Everything the page asked for or tried to do, beside being opened. */
  events: string[];
}

async function visit(
  name: string,
  { width = 1280, colorScheme = "light" }: { width?: number; colorScheme?: "light" | "dark" } = {},
): Promise<Visit> {
  if (!browser) throw new Error("no browser");
  const page = await browser.newPage({ viewport: { width, height: 900 }, colorScheme });
  const address = pathToFileURL(join(folder, name, "report.html")).href;
  const events: string[] = [];
  page.on("request", (request) => {
    if (request.url() !== address && !request.url().startsWith("data:image/")) events.push(`request ${request.url()}`);
  });
  page.on("dialog", (dialog) => {
    events.push(`dialog ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on("console", (message) => events.push(`console ${message.text()}`));
  page.on("pageerror", (error) => events.push(`error ${error.message}`));
  await page.goto(address);
  await page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })");
  return { page, events };
}

interface Markup {
  elements: string[];
  attributes: string[];
  links: string[];
  hidden: boolean;
}

async function readMarkup(page: Page): Promise<Markup> {
  return page.evaluate<Markup>(`(() => {
    const all = [...document.querySelectorAll("*")];
    return {
      elements: [...new Set(all.map((each) => each.localName))].sort(),
      attributes: [...new Set(all.flatMap((each) => each.getAttributeNames().map((name) => each.localName + " " + name)))].sort(),
      links: all.flatMap((each) => ["href", "src", "action", "xlink:href"].flatMap((name) => each.getAttribute(name) ?? [])),
      hidden: /[\\u0000-\\u0008\\u000b-\\u001f\\u200b\\u202a-\\u202e\\u2060-\\u206f\\ufeff]/.test(document.documentElement.outerHTML),
    };
  })()`);
}

describe.skipIf(browser === null)("report.html in a browser", () => {
  it.each([
    ["partial", "light"],
    ["partial", "dark"],
    ["failed", "dark"],
    ["skipped", "light"],
  ] as const)("of a %s run has no serious fault of accessibility in %s colours", async (name, colorScheme) => {
    const { page } = await visit(name, { colorScheme });
    await page.evaluate(axe.source);
    const { violations } = await page.evaluate<axe.AxeResults>("axe.run()");
    const grave = violations.filter(({ impact }) => impact === "serious" || impact === "critical");
    expect(grave.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`)).toEqual([]);
    await page.close();
  });

  it.each(Object.keys(runs))("of a %s run fits a phone of 360 pixels", async (name) => {
    const { page } = await visit(name, { width: 360 });
    expect(await page.evaluate<number>("document.documentElement.scrollWidth")).toBeLessThanOrEqual(360);
    await page.close();
  });

  it.each(Object.keys(runs))(
    "of a %s run fetches nothing, runs nothing and breaks no rule of its own",
    async (name) => {
      const { page, events } = await visit(name);
      await page.hover("h1");
      await page.waitForTimeout(100);
      expect(events).toEqual([]);
      await page.close();
    },
  );

  it("shows the figures", async () => {
    const { page } = await visit("verified");
    const widths = await page.evaluate<number[]>("[...document.images].map((each) => each.naturalWidth)");
    expect(widths).toHaveLength(2);
    for (const width of widths) expect(width).toBeGreaterThan(0);
    await page.close();
  });

  it("opens at the line of main.py that a link names", async () => {
    const { page } = await visit("verified");
    await page.click('a[href="#main-L45"]:not(.number)');
    expect(await page.evaluate("document.querySelector(':target')?.textContent.trim()")).toBe("def example2():");
    await page.close();
  });

  it("prints: all of the code, no navigation", async () => {
    const { page } = await visit("verified");
    await page.emulateMedia({ media: "print" });
    expect(await page.evaluate("getComputedStyle(document.querySelector('nav')).display")).toBe("none");
    expect(await page.evaluate("getComputedStyle(document.querySelector('pre.code')).maxHeight")).toBe("none");
    expect((await page.pdf()).length).toBeGreaterThan(10_000);
    await page.close();
  });

  it("would not run a script if one came in", async () => {
    const { page, events } = await visit("verified");
    await page.evaluate("document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=alert(1)>')");
    await page.waitForTimeout(200);
    expect(events.filter((event) => event.startsWith("dialog"))).toEqual([]);
    expect(events.join("\n")).toContain("Content Security Policy");
    await page.close();
  });

  it.each(hostile)(
    "of a %s run holds no element, attribute or address that the templates do not make",
    async (name) => {
      const known = { elements: new Set<string>(), attributes: new Set<string>() };
      for (const each of benign) {
        const { page } = await visit(each);
        const { elements, attributes } = await readMarkup(page);
        for (const element of elements) known.elements.add(element);
        for (const attribute of attributes) known.attributes.add(attribute);
        await page.close();
      }
      const { page } = await visit(name);
      const { elements, attributes, links, hidden } = await readMarkup(page);
      expect(elements.filter((element) => !known.elements.has(element))).toEqual([]);
      expect(attributes.filter((attribute) => !known.attributes.has(attribute))).toEqual([]);
      const own =
        /^#[\w-]+$|^data:image\/(png|svg\+xml);base64,[\w+/=]*$|^https:\/\/github\.com\/marit-solheim\/orbital-elements(\/(blob|tree)\/[0-9a-f]{40}[\w/%.?=#-]*)?$/;
      expect(links.filter((link) => !own.test(link))).toEqual([]);
      expect(links.some((link) => link.startsWith("https:"))).toBe(name === "linked");
      expect(hidden).toBe(false);
      await page.close();
    },
  );
});
