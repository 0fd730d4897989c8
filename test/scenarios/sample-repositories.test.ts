import { cpSync, existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { CommandLine, canIsolate, type EndedCommand, filesWith, fixture } from "../support/command-line.ts";
import { writeHostileRepository } from "../support/hostile-repository.ts";
import { reachesPackages } from "../support/package-index.ts";
import { parseResult, readState } from "../support/run-result.ts";

const hasPackages = canIsolate && reachesPackages();

describe.runIf(canIsolate)("the sample repositories", () => {
  const commandLine = new CommandLine();
  afterAll(() => commandLine[Symbol.dispose]());

  /** Distils a copy of a sample, so that it lies in no git repository. */
  function distil(name: string): Promise<EndedCommand> {
    cpSync(fixture(name), commandLine.path(name), { recursive: true });
    const argv = ["distill", name, "--out", "out", "--json"];
    return commandLine.run(argv, { withPackages: true, timeoutSeconds: 240 });
  }

  it("skips what needs a GPU, and names the place that says so", async () => {
    const ended = await distil("gpu-diffusion-net");
    const result = parseResult(ended);
    expect(result).toMatchObject({ outcome: "skipped", reasonCode: "needs-gpu", checks: null });
    const [, path = "", line = ""] = /needs a GPU \(([^:]+):(\d+)\)/.exec(result.explanation ?? "") ?? [];
    expect(readFileSync(join(fixture("gpu-diffusion-net"), path), "utf8").split("\n")[Number(line) - 1]).toMatch(
      /GPU|CUDA/i,
    );
    expect(ended.status).toBe(4);
    expect(result.iterations).toBe(0);
  }, 240_000);

  it.runIf(hasPackages)(
    "takes the tests where the documents are broken",
    async () => {
      const ended = await distil("peakfinder");
      const result = parseResult(ended);
      expect(result.outcome, ended.stderr).toBe("verified");
      expect(ended.status).toBe(0);
      const { provenance } = bestDraft(result.runFolder);
      expect(provenance.some(({ path }) => path.startsWith("tests/"))).toBe(true);
      expect(result.coreFunctionsCalled).toContain("detect_peaks");
    },
    240_000,
  );

  it.runIf(hasPackages)(
    "distils scripts without packaging, with their figures",
    async () => {
      const ended = await distil("reaction-diffusion-scripts");
      const result = parseResult(ended);
      expect(result.outcome, ended.stderr).toBe("verified");
      expect(ended.status).toBe(0);
      const outputs = readdirSync(join(result.exampleFolder ?? "", "outputs"), { recursive: true, encoding: "utf8" });
      expect(outputs.filter((path) => /\.(png|svg|pdf)$/.test(path))).not.toEqual([]);
    },
    240_000,
  );

  it.runIf(hasPackages)(
    "ports old Python, and says so in the report and in the runscript",
    async () => {
      const ended = await distil("legacy-lattice");
      const result = parseResult(ended);
      expect(result.outcome, ended.stderr).toBe("verified");
      expect(ended.status).toBe(0);
      expect(readFileSync(join(result.exampleFolder ?? "", "runscript.sh"), "utf8")).toMatch(/2to3|Python 2|port/i);
      expect(readFileSync(result.report ?? "", "utf8")).toMatch(/Python 2/);
      expect(readFileSync(join(result.runFolder ?? "", "REPORT.md"), "utf8")).toMatch(/Python 2/);
    },
    240_000,
  );

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

  function bestDraft(runFolder: string | null) {
    const { iterations, best } = readState(runFolder ?? "").distiller;
    const iteration = iterations[best ?? -1];
    if (!iteration) throw new Error("The run has no best iteration.");
    return iteration.draft;
  }
});
