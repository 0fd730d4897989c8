/** Bundles src/action.ts to dist/, which is committed: a runner installs nothing. `--check` fails where dist/ is out of date. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { bundleAction } from "./action-bundle/bundle-action.ts";
import type { BundledCode } from "./action-bundle/bundle-code.ts";
import { compareFolders } from "./action-bundle/compare-folders.ts";
import { judgeBundle } from "./action-bundle/judge-bundle.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const target = join(root, "dist");
const entry = "src/action.ts";
/** Packages of fewer characters are not worth a line. */
const leastShown = 20_000;

if (process.argv.includes("--check")) await check();
else describe(await bundleAction({ root, entry, target }));

async function check(): Promise<void> {
  const made = mkdtempSync(join(tmpdir(), "codedistiller-bundle-"));
  try {
    const bundled = await bundleAction({ root, entry, target: made });
    fail(judgeBundle(bundled, root).faults);
    const different = compareFolders(made, target);
    if (different.length > 0)
      fail(["dist/ does not match its sources: npm run build:action", ...different.map((path) => `  dist/${path}`)]);
  } finally {
    rmSync(made, { recursive: true, force: true });
  }
}

function describe(bundled: BundledCode): void {
  const { faults, atStart } = judgeBundle(bundled, root);
  const inKb = (length: number): string => `${Math.round(length / 1000)} KB`;
  const sizes = [...atStart].sort(([, left], [, right]) => right - left);
  const sum = sizes.reduce((total, [, size]) => total + size, 0);
  console.log(`dist/index.js: ${inKb(bundled.code.length)} of ${bundled.modules.size} modules.`);
  console.log(`Evaluated at its start: ${inKb(sum)}.`);
  for (const [name, size] of sizes.filter(([, size]) => size >= leastShown))
    console.log(`  ${name ?? "our own"}: ${inKb(size)}`);
  fail(faults);
}

function fail(lines: readonly string[]): void {
  if (lines.length === 0) return;
  console.error(lines.join("\n"));
  process.exitCode = 1;
}
