import { describe, expect, it } from "vitest";
import { advise } from "../../src/jobs/advise.ts";
import { type ProgressInput, renderProgress } from "../../src/jobs/render-progress.ts";
import { ReasonCode } from "../../src/pipeline/outcome.ts";
import type { RunEnding, RunRecord } from "../../src/store/run-record.ts";
import { expectGolden } from "../templates/golden.ts";
import { expectInert } from "./expect-inert.ts";
import {
  finishedRecord,
  formAttack,
  hostileRecord,
  openPullRequest,
  queuedRecord,
  runId,
  runningRecord,
} from "./sample-record.ts";

const pageUrl = `https://codedistiller.example/runs/${runId}`;
const render = (run: RunRecord, given: Partial<ProgressInput> = {}): string =>
  renderProgress({ run, place: 0, now: new Date("2026-10-05T14:05:17Z"), pageUrl, ...given });

const failed = {
  outcome: "failed" as const,
  reasonCode: "environment-not-buildable",
  explanation: "The packages could not be installed: no matching distribution found for `cfitsio`.",
  advice: advise({ outcome: "failed", reasonCode: "environment-not-buildable", door: "comment" }),
  checks: [
    { name: "executed", result: "failed", evidence: "runscript.sh ended with exit status 1." },
    { name: "grounded", result: "not-made", evidence: "Not made: the example did not run to its end." },
  ],
  iterations: 4,
} satisfies Partial<RunEnding>;

const runs: Array<[string, string]> = [
  ["queued", render(queuedRecord(), { place: 2 })],
  ["running", render(runningRecord())],
  ["verified", render(finishedRecord({}, { pullRequest: openPullRequest }))],
  ["failed", render(finishedRecord(failed))],
  [
    "cancelled",
    render(
      finishedRecord(
        { outcome: "cancelled", reasonCode: "cancelled", explanation: "It was not needed any more.", checks: [] },
        { cancelled: { by: "marit-solheim", reason: "It was not needed any more." } },
      ),
    ),
  ],
  [
    "plan",
    render(
      finishedRecord(
        {
          outcome: "skipped",
          reasonCode: "dry-run",
          explanation:
            "example1: A first orbit (README.md, lines 20-36)\nexample2: Getting there (README.md, lines 70-81)",
          checks: [],
          iterations: 1,
        },
        { dryRun: true, costUsd: 0 },
      ),
    ),
  ],
];

describe("the progress comment", () => {
  it.each(runs)("of a run that is %s is as it was", (name, text) => expectGolden(`comment.${name}.md.txt`, text));

  it("says how many runs are before it", () => {
    expect(render(queuedRecord(), { place: 0 })).toContain("It begins when a worker is free.");
    expect(render(queuedRecord(), { place: 1 })).toContain("1 run is before it.");
    expect(render(queuedRecord(), { place: 2 })).toContain("2 runs are before it.");
  });

  it("says why a run that had begun waits again", () => {
    const { progress } = queuedRecord();
    const note = "GitHub is not to be reached. It goes on in 40 s.";
    const text = render(queuedRecord({ startedAt: "2026-10-05T14:02:05.000Z", progress: { ...progress, note } }));
    expect(text).toContain(note);
  });

  it("marks the current stage where it has been there before, and never shows it twice", () => {
    const text = render(runningRecord());
    expect(text.match(/Run it in a sandbox/g)).toHaveLength(1);
    expect(text).toContain("- [x] Revise it (12 s)\n- [ ] **Run it in a sandbox** (iteration 2)\n- [ ] Run it again");
    expect(text).toContain("- [ ] Write the report");
  });

  it("has nothing ticked before the first stage, and the rest to come", () => {
    const text = render(runningRecord({ progress: queuedRecord().progress }));
    expect(expectInert(text).tasks.every((ticked) => ticked === false)).toBe(true);
    expect(text).toContain("Clone the repository");
  });

  it("names nobody who cancelled a run that came to its end all the same", () => {
    const text = render(finishedRecord({}, { cancelled: { by: "octocat", reason: "Cancelled." } }));
    expect(text).toContain("**Verified.**");
  });

  it("says who cancelled a run that still stops", () => {
    const text = render(runningRecord({ cancelled: { by: "octocat", reason: "Cancelled." } }));
    expect(text).toContain("**Stopping**");
    expect(text).toContain("Cancelled by `octocat`");
    expect(text).not.toContain("/distill cancel");
  });

  it("says what became of the pull request", () => {
    const merged = render(finishedRecord({}, { pullRequest: { ...openPullRequest, state: "merged" } }));
    expect(merged).toContain(" was merged.");
    expect(merged).not.toContain("/distill revise");
    expect(render(finishedRecord({}, { pullRequest: { ...openPullRequest, state: "declined" } }))).toContain(
      " was closed without merging.",
    );
  });

  it("has words on what to do next for every reason but success and those that need none", () => {
    for (const reasonCode of ReasonCode.options.filter((each) => each !== "verified"))
      expect([reasonCode, advise({ outcome: "failed", reasonCode, door: "comment" })?.endsWith(".")]).toEqual([
        reasonCode,
        true,
      ]);
    expect(advise({ outcome: "verified", reasonCode: "verified", door: "comment" })).toBeNull();
    expect(advise({ outcome: "error", reasonCode: "constructor", door: "comment" })).toContain("/distill retry");
  });

  it("shows advice with its commands as code", () => {
    expect(render(finishedRecord(failed))).toContain("then comment `/distill retry`.");
  });

  it("links to no page where there is none, and to nothing that is no address", () => {
    expect(expectInert(render(runningRecord(), { pageUrl: null })).links).toEqual([]);
    expect(expectInert(render(runningRecord(), { pageUrl: "javascript:alert(1)" })).links).toEqual([]);
  });

  it.each([
    ["once", formAttack],
    ["in 100 kB", formAttack.repeat(Math.ceil(100_000 / formAttack.length))],
    ["in mentions", "@a".repeat(50_000)],
    ["in one word", "@".repeat(100_000)],
    ["in fences", "`".repeat(100_000)],
    ["in what nobody sees", "\u202e".repeat(100_000)],
  ])("is inert and short with hostile words %s", (_, text) => {
    for (const record of [
      queuedRecord({ startedAt: "2026-10-05T14:02:05.000Z" }),
      runningRecord(),
      finishedRecord({}, { pullRequest: openPullRequest }),
      finishedRecord({ outcome: "skipped" }, { dryRun: true }),
    ]) {
      const comment = render(hostileRecord(record, text));
      expect(comment.length).toBeLessThan(4000);
      const { headings, links, images, markers, tasks } = expectInert(comment);
      expect({ headings, images, markers }).toEqual({ headings: 0, images: [], markers: [] });
      expect(links.filter((link) => link !== pageUrl)).toEqual([]);
      if (record.status === "finished") expect(tasks).toEqual([]);
    }
  });
});
