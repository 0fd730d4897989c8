import { cpSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { CommandLine, canIsolate } from "../support/command-line.ts";
import { runsLongTests } from "../support/long-tests.ts";
import { reachesPackages } from "../support/package-index.ts";
import { fetchSource, type RecordedRun, recordedRuns, recordingOf } from "../support/recorded-runs.ts";
import { parseResult, readState } from "../support/run-result.ts";

const hasPackages = canIsolate && reachesPackages();

describe.runIf(canIsolate)("whole runs from recordings", () => {
  const commandLine = new CommandLine();
  afterAll(() => commandLine[Symbol.dispose]());

  for (const run of recordedRuns) {
    const needsPackages = run.name !== "orbital-elements";
    it.runIf((!needsPackages || hasPackages) && (!run.isLong || runsLongTests))(
      `distils ${run.name} to verified, with a judge's word`,
      async () => {
        const ended = await replay(run, run.name);
        const result = parseResult(ended);
        expect(result.outcome, ended.stderr).toBe("verified");
        const { distiller, costs } = readState(result.runFolder ?? "");
        expect(distiller.verdict?.reviewed.result).toBe("passed");
        const best = distiller.iterations[distiller.best ?? -1];
        expect(best?.draft.preliminary, "the model's own example is the one that is published").toBe(false);
        expect(Object.keys(costs).sort()).toEqual(["classify", "draft", "judge", "summarize"]);
        expect(existsSync(join(result.exampleFolder ?? "", "main.py"))).toBe(true);
      },
      600_000,
    );
  }

  it("fails loudly where a prompt has changed, and says which part", async () => {
    const changed = fetchSource(commandLine, { name: "orbital-elements", release: null });
    const copy = commandLine.path("changed", "orbital-elements");
    cpSync(changed, copy, { recursive: true });
    const readme = join(copy, "README.md");
    writeFileSync(readme, readFileSync(readme, "utf8").replace("exercise classes", "laboratory courses"));
    const ended = await commandLine.run(argvOf(recordedRuns[0], copy, "changed-run"), { timeoutSeconds: 120 });
    expect(ended.status).toBe(1);
    expect(ended.stderr).toMatch(/orbital-elements\.jsonl holds no answer to this prompt\. The nearest, answer 1 of/);
  }, 120_000);

  async function replay(run: RecordedRun, out: string): ReturnType<CommandLine["run"]> {
    const source = fetchSource(commandLine, run);
    rmSync(commandLine.path(out), { recursive: true, force: true });
    return commandLine.run(argvOf(run, source, out), { withPackages: true, timeoutSeconds: 600 });
  }
});

function argvOf(run: RecordedRun | undefined, source: string, out: string): string[] {
  return ["distill", source, "--model", `replay/${run ? recordingOf(run) : ""}`, "--out", out, "--json"];
}
