import { describe, expect, it } from "vitest";
import { readReviewForm, writeReviewForm } from "../../src/jobs/review-form.ts";
import { formAttack, runId } from "./sample-record.ts";

const empty = { runId, executed: false, showsCore: false, correct: false };
const form = writeReviewForm(empty);

describe("the review form", () => {
  it("is read as it was written", () => {
    const ticked = { ...empty, executed: true, correct: true };
    expect(readReviewForm(`words\n\n${writeReviewForm(ticked)}\n\nmore`)).toEqual(ticked);
    expect(readReviewForm(form)).toEqual(empty);
  });

  it.each([
    ["CRLF", form.replace("[ ] Correct", "[x] Correct").replace(/\n/g, "\r\n")],
    ["a capital X", form.replace("[ ] Correct", "[X] Correct")],
    ["indentation and another bullet", form.replace("- [ ] Correct", "  * [x] Correct")],
    ["words after the label", form.replace("[ ] Correct", "[x] Correct, but the plot has no units")],
  ])("is read with %s", (_, body) => {
    expect(readReviewForm(body)).toEqual({ ...empty, correct: true });
  });

  it("is null where a marker or the whole is gone", () => {
    expect(readReviewForm("")).toBeNull();
    expect(readReviewForm(form.split("\n").slice(1).join("\n"))).toBeNull();
    expect(readReviewForm(form.split("\n").slice(0, -1).join("\n"))).toBeNull();
    expect(readReviewForm(form.replace(runId, "no-run"))).toBeNull();
  });

  it("does not tick a measure whose line is gone", () => {
    const body = form.replace("- [ ] Executed without error\n", "").replace("[ ] Correct", "[x] Correct");
    expect(readReviewForm(body)).toEqual({ ...empty, correct: true });
  });

  it("takes nothing from outside of the markers, and not from an imitation above", () => {
    expect(readReviewForm(`${formAttack}\n\n${form}\n\n- [x] Correct`)).toEqual(empty);
  });

  it("takes time in proportion to what it reads", () => {
    const started = performance.now();
    for (const text of [
      "- [x] ",
      "<!-- codedistiller:review ",
      `<!-- codedistiller:review ${runId} -->\n`,
      " \t",
      "\r",
    ])
      readReviewForm(text.repeat(200_000));
    expect(performance.now() - started).toBeLessThan(3000);
  });
});
