import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { CommandLine, canIsolate, filesWith, fixture } from "../support/command-line.ts";
import { writeHostileRepository } from "../support/hostile-repository.ts";
import { parseResult, readState } from "../support/run-result.ts";
import { describeSampleRepositories, distilSample } from "../support/sample-repositories.ts";

describe.runIf(canIsolate)("the sample repositories", () => {
  const commandLine = new CommandLine();
  afterAll(() => commandLine[Symbol.dispose]());

  it("skips what needs a GPU, and names the place that says so", async () => {
    const ended = await distilSample(commandLine, "gpu-diffusion-net");
    const result = parseResult(ended);
    expect(result).toMatchObject({ outcome: "skipped", reasonCode: "needs-gpu", checks: null });
    const [, path = "", line = ""] = /needs a GPU \(([^:]+):(\d+)\)/.exec(result.explanation ?? "") ?? [];
    expect(readFileSync(join(fixture("gpu-diffusion-net"), path), "utf8").split("\n")[Number(line) - 1]).toMatch(
      /GPU|CUDA/i,
    );
    expect(ended.status).toBe(4);
    expect(result.iterations).toBe(0);
  }, 240_000);

  it("survives the hostile one: nothing leaks, nothing is written outside, memory stays small", async () => {
    const canary = "canary-in-the-environment-7f3a";
    await writeHostileRepository(commandLine.path("hostile"));
    const ended = await commandLine.run(["distill", "hostile", "--out", "hostile-out", "--json"], {
      environment: { CODEDISTILLER_CANARY: canary },
      timeoutSeconds: 120,
    });
    const result = parseResult(ended);
    expect(["verified", "partial", "failed", "skipped"]).toContain(result.outcome);
    expect(ended.status).toBe({ verified: 0, partial: 3, failed: 3, skipped: 4 }[result.outcome ?? ""]);
    expect(ended.peakMemoryMb).toBeGreaterThan(50);
    expect(ended.peakMemoryMb).toBeLessThan(700);

    const outputFolder = commandLine.path("hostile-out");
    for (const secret of [canary, "root:x:0:0"]) expect(filesWith(outputFolder, secret)).toEqual([]);
    expect(ended.stdout + ended.stderr).not.toContain(canary);
    expect(ended.stderr).not.toContain("\u001b");
    for (const iteration of readState(result.runFolder ?? "").distiller.iterations) {
      const { environment, program } = iteration.execution ?? {};
      for (const step of [environment, program]) expect(`${step?.stdout}${step?.stderr}`).not.toMatch(/^LEAKED /m);
    }
    for (const folder of ["/tmp", "/etc/cron.d", "/usr/local/bin", "/dev/shm", commandLine.home, commandLine.folder])
      expect(existsSync(folder) ? readdirSync(folder).filter((name) => name.startsWith("PWNED")) : []).toEqual([]);
    const written = readdirSync(outputFolder, { recursive: true, encoding: "utf8" });
    expect(written.filter((path) => /(^|\/)PWNED/.test(path))).toEqual([]);

    const report = readFileSync(result.report ?? "", "utf8");
    expect(report).not.toMatch(/<img src=x|<script>alert|<svg\/onload|<iframe|href="javascript:|" onmouseover="alert/i);
    expect(report).not.toMatch(/[\u202a-\u202e\u2066-\u2069]/);
  }, 150_000);
});

describe.runIf(canIsolate)("with bubblewrap", () => {
  describeSampleRepositories("on this machine", { provider: "local", environment: () => ({}) });
});
