import { describe, expect, it } from "vitest";
import { changeConfig } from "../../src/jobs/change-config.ts";
import { beginRevision, needsNewRevision } from "../../src/jobs/revise-run.ts";
import { currentIterations, focusOf, iterationToRevise, pendingFeedback } from "../../src/pipeline/feedback.ts";
import { RunState } from "../../src/pipeline/run-state.ts";
import { verifiedRun } from "../support/sample-run.ts";

const feedback = "Show the ground track as well.";
const follows = { answersObjections: true };
const chooses = { answersObjections: false };

/** A verified run of which every author's memory is there, unless said otherwise. */
function ended({ forgotten = [] }: { forgotten?: number[] } = {}): RunState {
  const { state } = verifiedRun();
  for (const { index, draft } of state.distiller.iterations)
    draft.memory = forgotten.includes(index) ? null : { index };
  return state;
}

describe("a person's words to a run", () => {
  it("are nothing new without words, with words it goes on with, and with an id that it knows", () => {
    const state = ended();
    expect(needsNewRevision(state, { dryRun: false })).toBe(false);
    expect(needsNewRevision(state, { feedback, feedbackId: "a", dryRun: false })).toBe(true);
    beginRevision(state, { feedback, feedbackId: "a", dryRun: false });
    expect(needsNewRevision(state, { feedback: ` ${feedback}\n`, dryRun: false })).toBe(false);
    state.distiller.outcome = { outcome: "failed", reasonCode: "iterations-used-up", explanation: "" };
    expect(needsNewRevision(state, { feedback, feedbackId: "a", dryRun: false })).toBe(false);
    expect(needsNewRevision(state, { feedback, feedbackId: "b", dryRun: false })).toBe(true);
    expect(needsNewRevision(state, { feedback, dryRun: false })).toBe(true);
  });

  it.each([
    ["feedback-empty", { feedback: " \n" }],
    ["feedback-too-long", { feedback: "x".repeat(4001) }],
    ["feedback-in-dry-run", { feedback, dryRun: true }],
  ])("are refused: %s", (code, given) => {
    expect(() => needsNewRevision(ended(), { dryRun: false, ...given })).toThrow(expect.objectContaining({ code }));
  });

  it("are refused while the run has not ended, also in a revision that was asked for in other words", () => {
    const state = ended();
    beginRevision(state, { feedback, dryRun: false });
    const other = { feedback: "Something else.", dryRun: false };
    expect(() => needsNewRevision(state, other)).toThrow(expect.objectContaining({ code: "feedback-too-early" }));
  });

  it("open it again: nothing of before counts, and all of it stays to be read", () => {
    const state = ended();
    const { iterations } = structuredClone(state.distiller);
    beginRevision(state, { feedback, dryRun: false });
    const { distiller } = RunState.parse(structuredClone(state));
    expect(distiller).toMatchObject({
      outcome: null,
      verdict: null,
      gaveUp: null,
      sentBack: null,
      best: null,
      iterations,
    });
    expect(state).toMatchObject({ is_finished: false, code: null, execution_result: null });
    expect(currentIterations(state)).toEqual([]);
    expect(pendingFeedback(state)?.text).toBe(feedback);
    for (const iteration of iterations) distiller.iterations.push({ ...iteration, index: distiller.iterations.length });
    expect(pendingFeedback({ ...state, distiller })).toBeNull();
    expect(currentIterations({ ...state, distiller })).toHaveLength(iterations.length);
  });

  it("are about what was published, and else about the last iteration whose author knows how it came to be", () => {
    const published = ended();
    const last = published.distiller.iterations.length - 1;
    expect(last).toBeGreaterThan(0);
    published.distiller.best = 0;
    expect(fromOf(published)).toBe(0);
    const older = ended({ forgotten: [0] });
    older.distiller.best = 0;
    expect(fromOf(older)).toBe(last);
    const nothing = ended({ forgotten: [...ended().distiller.iterations.keys()] });
    expect(fromOf(nothing)).toBeNull();
  });

  it("are the focus of a fresh draft, where the author cannot follow them or has nothing to go on from", () => {
    const state = ended();
    state.distiller.config.focus = "the period";
    expect(focusOf(state, chooses)).toBe("the period");
    beginRevision(state, { feedback: `${feedback}\n${"x".repeat(600)}`, dryRun: false });
    const [entry] = state.distiller.feedback;
    if (!entry) throw new Error("No feedback.");
    expect(iterationToRevise(state, entry, follows)?.index).toBe(entry.from);
    expect(focusOf(state, follows)).toBe("the period");
    expect(iterationToRevise(state, entry, chooses)).toBeNull();
    expect(focusOf(state, chooses)).toMatch(/^Show the ground track as well\. x+$/);
    expect(focusOf(state, chooses)).toHaveLength(500);
  });

  it("go on from a run that ended for want of money, with more of it", () => {
    const state = ended();
    Object.assign(state.distiller, { gaveUp: { outcome: "failed", reasonCode: "budget", explanation: "" } });
    expect(needsNewRevision(state, { feedback, dryRun: false })).toBe(true);
    changeConfig(state, { max_cost_usd: 9 });
    beginRevision(state, { feedback, dryRun: false });
    expect(state.distiller).toMatchObject({ gaveUp: null, outcome: null, config: { max_cost_usd: 9 } });
  });
});

function fromOf(state: RunState): number | null | undefined {
  beginRevision(state, { feedback, dryRun: false });
  return state.distiller.feedback.at(-1)?.from;
}
