import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Files that take a minute or more begin first, so that none is left alone at the end. */
const longFiles =
  /(recorded-runs|sample-repositories(-container)?|modal-samples|recipes|jobs\/queue|app-github-limits|sandbox-choice|action-(comment|verify|schedule|distill)|scenarios\/revise|pages-browser|sandboxes\/(container|modal|local))\.test\.ts$/;

class LongFilesFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const isLong = ({ moduleId }: TestSpecification): boolean => longFiles.test(moduleId);
    return [...sorted.filter(isLong), ...sorted.filter((file) => !isLong(file))];
  }
}

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Half of the time is waiting for processes and for clocks: on two cores three are done soonest.
    maxWorkers: 3,
    sequence: { sequencer: LongFilesFirst },
  },
});
