import { access } from "node:fs/promises";
import { type Browser, chromium } from "playwright-core";

/**
 * A real browser, or null where this machine has none: tests then skip, but not in CI, where a missing browser is a
 * failure. `CHROMIUM_PATH` names one that lies elsewhere.
 */
export async function openBrowser(): Promise<Browser | null> {
  const executablePath = await findChromium();
  if (executablePath === null) {
    const missing = "No Chromium was found (set CHROMIUM_PATH, or install the package chromium).";
    if (process.env.CI === "true") throw new Error(missing);
    process.stderr.write(`${missing} Browser tests are skipped.\n`);
    return null;
  }
  return chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"] });
}

async function findChromium(): Promise<string | null> {
  const given = process.env.CHROMIUM_PATH;
  const usual = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
  for (const path of given ? [given] : usual) {
    const found = await access(path).then(
      () => true,
      () => false,
    );
    if (found) return path;
  }
  return null;
}
