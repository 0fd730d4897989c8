import { describe, expect, it } from "vitest";
import { renderCheckRun } from "../../src/jobs/render-check-run.ts";
import { failedRun, hostileRun, partialRun, verifiedRun } from "../support/sample-run.ts";
import { expectGolden } from "../templates/golden.ts";
import { expectInert } from "./expect-inert.ts";
import { finishedRecord } from "./sample-record.ts";

const folder = "examples/orbital-elements";
const run = finishedRecord({});

describe("the check run", () => {
  it("is as it was", async () => {
    const { summary, ...rest } = renderCheckRun({ state: verifiedRun().state, run, folder });
    await expectGolden("check-run.verified.md.txt", `${summary}\n${JSON.stringify(rest, null, 2)}\n`);
  });

  it("concludes as the run did", () => {
    const conclude = (sample: { state: Parameters<typeof renderCheckRun>[0]["state"] }) =>
      renderCheckRun({ state: sample.state, run, folder }).conclusion;
    expect([verifiedRun(), partialRun(), failedRun()].map(conclude)).toEqual(["success", "neutral", "failure"]);
  });

  it("notes where each example was taken from, at its line of main.py", () => {
    const { state } = verifiedRun();
    const main = state.distiller.iterations[1]?.draft.files["main.py"]?.split("\n") ?? [];
    const { annotations } = renderCheckRun({ state, run, folder });
    const notices = annotations.filter(({ level }) => level === "notice");
    expect(notices.map(({ startLine }) => main[startLine - 1])).toEqual([
      "def example1():",
      "def example2():",
      "def example3():",
    ]);
    expect(new Set(annotations.map(({ path }) => path))).toEqual(new Set([`${folder}/main.py`]));
  });

  it("warns of swallowed exceptions, which are not crowded out, at lines that are there", () => {
    const { state } = verifiedRun();
    const iteration = state.distiller.iterations[1];
    if (!iteration?.execution) throw new Error("the sample has no second iteration");
    const swallowed = (file: string, line: number) => ({
      file,
      line,
      type: "KeyError",
      message: "'x'",
      count: 3,
      reraises: false,
    });
    iteration.execution.evidence.swallowed = [
      swallowed("/work/example/main.py", 20),
      swallowed("/work/example/main.py", 99_999),
      swallowed("/work/example/source/a.py", 4),
    ];
    iteration.draft.provenance = Array.from({ length: 80 }, () => ({
      example: "example1",
      title: "A first orbit",
      path: "README.md",
      place: "lines 1-2",
      changes: [],
    }));
    const { annotations } = renderCheckRun({ state, run, folder });
    expect(annotations).toHaveLength(50);
    expect(annotations.filter(({ level }) => level === "warning")).toEqual([
      {
        path: `${folder}/main.py`,
        startLine: 20,
        endLine: 20,
        level: "warning",
        title: "An exception is caught here",
        message: "KeyError: 'x' (3 times)",
      },
    ]);
  });

  it("is inert with hostile words", () => {
    const { state } = hostileRun({ linked: true });
    const { summary, title, annotations } = renderCheckRun({ state, run, folder });
    expect(expectInert(summary).markers).toEqual([]);
    expect(summary.length).toBeLessThan(65_535);
    for (const text of [title, ...annotations.flatMap((each) => [each.title, each.message])])
      expect(text).not.toMatch(/@[a-z\d]|#\d|\bGH-\d|[\u202e\0\n]/i);
  });
});
