import axe from "axe-core";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, afterEach, beforeEach, describe, expect, it } from "vitest";
import { openBrowser } from "../support/browser.ts";
import { failedRun, hostileRun, idOf, queuedRun, runningRun, verifiedRun } from "./sample-records.ts";
import { operatorToken, type ServedPages, servePages } from "./serve-pages.ts";

const browser = await openBrowser();
let pages: ServedPages;
const contexts: BrowserContext[] = [];

beforeEach(async () => {
  pages = await servePages();
});
afterEach(async () => {
  for (const context of contexts.splice(0)) await context.close();
  await pages[Symbol.asyncDispose]();
});
afterAll(() => browser?.close());

interface Visit {
  page: Page;
  /** Everything that a page does beside being shown. */
  events: string[];
}

async function visit(
  path: string,
  { asOperator = false, ...options }: Parameters<Browser["newContext"]>[0] & { asOperator?: boolean } = {},
): Promise<Visit> {
  if (!browser) throw new Error("no browser");
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  contexts.push(context);
  if (asOperator) {
    const [name = "", value = ""] = (await pages.signIn()).split("=");
    await context.addCookies([{ name, value, url: pages.address, httpOnly: true, sameSite: "Strict" }]);
  }
  const page = await context.newPage();
  const events: string[] = [];
  page.on("request", (request) => {
    if (!request.url().startsWith(`${pages.address}/`)) events.push(`request ${request.url()}`);
  });
  page.on("dialog", (dialog) => {
    events.push(`dialog ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on("console", (message) => {
    if (!message.text().includes("the server responded with a status of 404")) events.push(`console ${message.text()}`);
  });
  page.on("pageerror", (error) => events.push(`error ${error.message}`));
  await page.goto(`${pages.address}${path}`);
  return { page, events };
}

/** One of each, so that every branch of the templates is there. */
async function fillStore(): Promise<void> {
  pages.store.putRun(failedRun(1));
  pages.store.putRun(verifiedRun(2));
  pages.store.putRun(runningRun(3, { target: { id: 5, owner: "quiet", name: "secret-waves", isPrivate: true } }));
  pages.store.putRun(queuedRun(4, { source: "https://github.com/ada/waves", createdAt: new Date().toISOString() }));
  for (const [path, text] of [
    ["report.html", "<h1>Report</h1>"],
    ["example/main.py", "print(1)\n"],
    ["example/run.sh", "#!/bin/sh\n"],
    ["example/outputs/orbit.png", "x".repeat(48_000)],
  ] as const)
    pages.store.putFile(idOf(2), path, Buffer.from(text));
  for (const id of [1, 2, 3].map(idOf))
    for (const text of [
      "clone: commit 4f2a9c31d0b8, 214 files",
      "draft, iteration 1",
      "execute, iteration 1",
      longLine,
    ])
      await pages.store.runs.log(id, text);
}

const longLine = `ModuleNotFoundError: ${"a_very_long_name_without_a_break_".repeat(8)}`;
const shown = ["/", "/runs", `/runs/${idOf(1)}`, `/runs/${idOf(2)}`, `/runs/${idOf(3)}`, `/runs/${idOf(99)}`];

describe.skipIf(browser === null)("the pages in a browser", () => {
  it("lets the operator in and out again", async () => {
    await fillStore();
    const { page, events } = await visit("/runs");
    await page.getByLabel("Token").fill("not the token");
    await page.getByRole("button", { name: "Sign in" }).click();
    expect(await page.getByRole("alert").textContent()).toBe("That is not the token.");
    events.length = 0;
    await page.getByLabel("Token").fill(operatorToken);
    await page.getByRole("button", { name: "Sign in" }).click();
    expect(new URL(page.url()).pathname).toBe("/runs");
    expect(await page.locator("table.runs tbody tr").count()).toBe(4);
    await page.getByRole("link", { name: "Running" }).click();
    expect(await page.locator("table.runs tbody tr").count()).toBe(1);
    await page.getByRole("link", { name: "quiet/secret-waves", exact: true }).click();
    expect(await page.locator(".badge").textContent()).toBe("Running");
    await page.getByRole("button", { name: "Sign out" }).click();
    expect(await page.getByRole("heading", { name: "For the operator" }).count()).toBe(1);
    const answer = await page.goto(`${pages.address}/runs/${idOf(3)}`);
    expect(answer?.status()).toBe(404);
    expect(events).toEqual([]);
  });

  it("shows the end of a run on a page that was opened before it, and leaves the rest in place", async () => {
    pages.store.putRun(runningRun(1));
    const { page, events } = await visit(`/runs/${idOf(1)}`);
    await page.evaluate("window.isSamePage = true");
    const footer = await page.$("footer");
    await pages.store.runs.log(idOf(1), "opened pull request 31");
    pages.store.putFile(idOf(1), "report.html", Buffer.from("<p>report</p>"));
    pages.store.putRun(verifiedRun(1));
    await page.locator(".badge", { hasText: "Verified" }).waitFor({ timeout: 15_000 });
    expect(await page.locator(".check").count()).toBe(4);
    expect(await page.getByText("opened pull request 31").count()).toBe(1);
    expect(await page.locator("#announcement").textContent()).toBe("Verified");
    expect(await page.getByText("looks for changes by itself").count()).toBe(0);
    expect(await page.evaluate("window.isSamePage")).toBe(true);
    expect(await footer?.evaluate((element) => element.isConnected)).toBe(true);
    let requests = 0;
    page.on("request", () => requests++);
    await page.waitForTimeout(5000);
    expect(requests).toBe(0);
    expect(events).toEqual([]);
  });

  it("works without scripts: the page asks to be loaded again", async () => {
    pages.store.putRun(runningRun(1));
    const { page } = await visit(`/runs/${idOf(1)}`, { javaScriptEnabled: false });
    expect(await page.locator("noscript meta").getAttribute("content")).toBe("10");
    expect(await page.locator(".stages .current").textContent()).toContain("Run it in a sandbox");
  });

  it("shows hostile names and words as text, and runs and fetches nothing", async () => {
    await fillStore();
    const known = new Set<string>();
    for (const path of ["/runs", ...shown]) {
      const { page } = await visit(path, { asOperator: true });
      for (const each of await readMarkup(page)) known.add(each);
    }
    pages.store.putRun(hostileRun(5, { createdAt: new Date().toISOString() }));
    pages.store.putRun({ ...hostileRun(6), status: "running", ending: null, cancelled: null });
    for (const id of [5, 6].map(idOf)) {
      pages.store.putFile(id, 'example/"><img src=x onerror=alert(6)>\u202e.py', Buffer.from("x"));
      await pages.store.runs.log(id, '"><img src=x onerror=alert(7)>\u202e\u0007 </script><script>alert(8)</script>');
    }
    for (const path of ["/runs", `/runs/${idOf(5)}`, `/runs/${idOf(6)}`]) {
      const { page, events } = await visit(path, { asOperator: true });
      await page.hover("h1");
      await page.waitForTimeout(path.endsWith("6") ? 4500 : 100);
      expect(events).toEqual([]);
      expect((await readMarkup(page)).filter((each) => !known.has(each))).toEqual([]);
      const text = await page.evaluate<string>("document.documentElement.outerHTML");
      expect(text).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u200b\u202a-\u202e]/);
      expect(text).not.toContain("ghp_aaaa");
      expect(text).toContain("\\u202e");
      const links = await page.evaluate<string[]>("[...document.links].map((each) => each.protocol)");
      expect(links.filter((protocol) => !/^https?:$/.test(protocol))).toEqual([]);
    }
  });

  it("gives a report no script, no session and no way to this site", async () => {
    pages.store.putRun(verifiedRun(1));
    const report = `<h1>x</h1><script>alert(1)</script><img src="/runs" onerror="alert(2)"><form action="/sign-out" method="post"><button>go</button></form>`;
    pages.store.putFile(idOf(1), "report.html", Buffer.from(report));
    const { page, events } = await visit(`/runs/${idOf(1)}/report`, { asOperator: true });
    await page.getByRole("button").click();
    await page.waitForTimeout(200);
    expect(new URL(page.url()).pathname).toBe(`/runs/${idOf(1)}/report`);
    expect(events.filter((event) => event.startsWith("dialog"))).toEqual([]);
    expect(events.join("\n")).toContain("Content Security Policy");
  });

  it.each(["light", "dark"] as const)("have no serious fault of accessibility in %s colours", async (colorScheme) => {
    await fillStore();
    const { page: signedOut } = await visit("/runs", { colorScheme });
    expect(await findGraveFaults(signedOut)).toEqual([]);
    for (const path of shown) {
      const { page } = await visit(path, { asOperator: true, colorScheme });
      expect([path, await findGraveFaults(page)]).toEqual([path, []]);
    }
  });

  it("fit a phone of 360 pixels", async () => {
    await fillStore();
    pages.store.putRun(hostileRun(5));
    const viewport = { width: 360, height: 700 };
    for (const path of [...shown, `/runs/${idOf(5)}`]) {
      const { page } = await visit(path, { asOperator: true, viewport });
      expect([path, await page.evaluate<number>("document.documentElement.scrollWidth")]).toEqual([path, 360]);
    }
  });
});

async function findGraveFaults(page: Page): Promise<string[]> {
  // The page's own policy forbids scripts; the check comes from outside of it.
  const script = `${axe.source}; axe.run()`;
  const { violations } = await page.evaluate<axe.AxeResults>(script);
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`);
}

/** Elements, and the attributes that each has. */
function readMarkup(page: Page): Promise<string[]> {
  return page.evaluate<string[]>(
    `[...document.querySelectorAll("*")].flatMap((each) => [each.localName, ...each.getAttributeNames().map((name) => each.localName + " " + name)])`,
  );
}
