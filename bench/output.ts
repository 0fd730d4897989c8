/**
 * What a program's output costs us: npx node bench/output.ts [MB, 50 unless told]
 *
 * A sandboxed program prints that much in lines, then as much in a single line; printed are seconds, our own
 * processor seconds and our highest resident memory. The bound is 200 MB for 50 MB of output.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLocalProvider } from "../src/sandboxes/local.ts";

const megabytes = Number(process.argv[2] ?? 50);
const stateFolder = mkdtempSync(join(tmpdir(), "bench-output-"));
const hostPath = process.env.PATH ?? "";
try {
  const provider = await createLocalProvider({ isolation: "bubblewrap", stateFolder, passEnvironment: {}, hostPath });
  await using sandbox = await provider.create({
    network: "none",
    limits: { memoryMb: 512, processes: 64, diskMb: 100 },
  });
  const programs = {
    "in lines": `yes 'step 17: loss 0.1234, ValueError: not really' | head -c ${megabytes * 1e6}`,
    "one line": `head -c ${megabytes * 1e6} /dev/zero | tr '\\0' x`,
    progress: `yes | head -c ${megabytes * 1e5} | tr '\\ny' '\\r#'`,
  };
  for (const [name, script] of Object.entries(programs)) {
    const processorBefore = process.cpuUsage();
    const { status, stdout, durationMs } = await sandbox.run({
      argv: ["sh", "-c", script],
      cwd: "/work",
      timeoutMs: 600_000,
    });
    const { user, system } = process.cpuUsage(processorBefore);
    console.log(
      `${name}: ${(stdout.totalBytes / 1e6).toFixed(0)} MB, ${status.kind}, ${(durationMs / 1000).toFixed(2)} s,`,
      `our processor ${((user + system) / 1e6).toFixed(2)} s, kept ${stdout.text.length} characters,`,
      `our memory at most ${(process.resourceUsage().maxRSS / 1024).toFixed(0)} MB`,
    );
  }
} finally {
  rmSync(stateFolder, { recursive: true, force: true });
}
