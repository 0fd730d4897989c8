import { cpSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { CommandLine, type EndedCommand, fixture } from "./command-line.ts";
import { runsLongTests } from "./long-tests.ts";
import { reachesPackages } from "./package-index.ts";
import { type DistillResult, parseResult, readState } from "./run-result.ts";

export interface SampleRepositoriesOptions {
  /** Name of the provider, as reports give it. */
  provider: string;
  /** Variables by which the command line comes to that provider; asked for when the first test runs. */
  environment: () => Record<string, string>;
}

/**
 * Runs the whole product on the samples that need packages; with none within reach they are skipped aloud. What takes minutes
 * shows of other sandboxes no more than the samples before it: there it is run by `npm run test:long`.
 */
export function describeSampleRepositories(name: string, { provider, environment }: SampleRepositoriesOptions): void {
  describe.runIf(reachesPackages())(`the sample repositories ${name}`, () => {
    const commandLine = new CommandLine();
    afterAll(() => commandLine[Symbol.dispose]());

    async function distilVerified(sample: string): Promise<DistillResult> {
      const ended = await distilSample(commandLine, sample, environment());
      const result = parseResult(ended);
      expect(result.outcome, ended.stderr).toBe("verified");
      expect(ended.status).toBe(0);
      expect(readState(result.runFolder ?? "").distiller.sandbox?.provider).toBe(provider);
      return result;
    }

    it("takes the README's example", async () => {
      const { coreFunctionsCalled } = await distilVerified("orbital-elements");
      expect(coreFunctionsCalled).not.toEqual([]);
    }, 240_000);

    it.runIf(provider !== "modal" || runsLongTests)(
      "takes the tests where the documents are broken",
      async () => {
        const { runFolder, coreFunctionsCalled } = await distilVerified("peakfinder");
        const { provenance } = bestDraft(runFolder);
        expect(provenance.some(({ path }) => path.startsWith("tests/"))).toBe(true);
        expect(coreFunctionsCalled).toContain("detect_peaks");
      },
      240_000,
    );

    it.runIf(provider === "local" || runsLongTests)(
      "distils scripts without packaging, with their figures",
      async () => {
        const { exampleFolder } = await distilVerified("reaction-diffusion-scripts");
        const outputs = readdirSync(join(exampleFolder ?? "", "outputs"), { recursive: true, encoding: "utf8" });
        expect(outputs.filter((path) => /\.(png|svg|pdf)$/.test(path))).not.toEqual([]);
      },
      240_000,
    );

    it.runIf(provider === "local" || runsLongTests)(
      "ports old Python, and says so in the report and in the runscript",
      async () => {
        const { exampleFolder, report, runFolder } = await distilVerified("legacy-lattice");
        expect(readFileSync(join(exampleFolder ?? "", "runscript.sh"), "utf8")).toMatch(/2to3|Python 2|port/i);
        expect(readFileSync(report ?? "", "utf8")).toMatch(/Python 2/);
        expect(readFileSync(join(runFolder ?? "", "REPORT.md"), "utf8")).toMatch(/Python 2/);
      },
      240_000,
    );
  });
}

/** Distils a copy of a sample, so that it lies in no git repository. */
export function distilSample(
  commandLine: CommandLine,
  sample: string,
  environment: Record<string, string> = {},
): Promise<EndedCommand> {
  cpSync(fixture(sample), commandLine.path(sample), { recursive: true });
  const argv = ["distill", sample, "--out", "out", "--json"];
  return commandLine.run(argv, { withPackages: true, timeoutSeconds: 240, environment });
}

function bestDraft(runFolder: string | null) {
  const { iterations, best } = readState(runFolder ?? "").distiller;
  const iteration = iterations[best ?? -1];
  if (!iteration) throw new Error("The run has no best iteration.");
  return iteration.draft;
}
