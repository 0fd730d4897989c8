import { describe, expect, it } from "vitest";
import { renderPullRequest } from "../../src/jobs/render-pull-request.ts";
import { readReviewForm } from "../../src/jobs/review-form.ts";
import { hostileRun, partialRun, type SampleRun, verifiedRun } from "../support/sample-run.ts";
import { expectGolden } from "../templates/golden.ts";
import { expectInert } from "./expect-inert.ts";
import { finishedRecord, formAttack, hostileRecord, runId } from "./sample-record.ts";

const files = [
  "README.md",
  "main.py",
  "metadata.json",
  "outputs/example3/ground track.svg",
  "outputs/residuals.png",
  "requirements.txt",
  "results.json",
  "run.sh",
  "runscript.sh",
];
const pageUrl = `https://codedistiller.example/runs/${runId}`;
const rawUrl = (path: string): string =>
  `https://github.com/marit-solheim/orbital-elements/raw/9b1d0c2f/examples/orbital-elements/${path}`;

function render({ state, survey }: SampleRun, run = finishedRecord({}), given = {}) {
  const asked = { review: null, answersCommands: true };
  return renderPullRequest({ state, survey, run, files, pageUrl, figureUrl: rawUrl, ...asked, ...given });
}

/** Texts that a repository or a model could make so. */
function longRun(text: string): SampleRun {
  const { state, survey, files: kept } = verifiedRun();
  const { iterations, config, outcome, verdict, repository } = state.distiller;
  config.focus = text;
  state.distiller.author = text;
  if (outcome) outcome.explanation = text;
  if (repository) repository.name = text;
  for (const check of ["executed", "grounded", "reproduced", "reviewed"] as const)
    if (verdict) verdict[check] = { ...verdict[check], evidence: text };
  for (const { draft } of iterations) {
    draft.metadata.example_description = text;
    draft.files["main.py"] = text;
    draft.provenance = Array.from({ length: 60 }, () => ({
      example: text,
      title: text,
      path: text,
      place: text,
      changes: [text, text],
    }));
  }
  if (verdict)
    verdict.coverage.called = verdict.coverage.called.flatMap((each) =>
      Array.from({ length: 12 }, () => ({ ...each, qualifiedName: text })),
    );
  return { state, survey, files: kept };
}

describe("the pull request", () => {
  it.each([
    ["verified", verifiedRun()],
    ["partial", partialRun()],
  ])("of a %s run is as it was", async (name, sample) => {
    const { title, bodies, commitMessage, indexEntry } = render(sample);
    expect(bodies.map(({ length }) => length).sort((a, b) => b - a)).toEqual(bodies.map(({ length }) => length));
    const whole = [title, commitMessage, indexEntry.text, ...bodies].join("\n\n======\n\n");
    await expectGolden(`pull-request.${name}.md.txt`, whole);
  });

  it("has a form that is read back from each of its bodies", () => {
    const review = { executed: true, showsCore: false, correct: true };
    const before = { review: { ...review, at: "2026-10-06T08:00:00.000Z" } };
    for (const body of render(verifiedRun()).bodies)
      expect(readReviewForm(body)).toEqual({ runId, executed: false, showsCore: false, correct: false });
    for (const body of render(verifiedRun(), undefined, before).bodies)
      expect(readReviewForm(body)).toEqual({ runId, ...review });
  });

  it("has no form where nobody reads one, and names no command where nobody answers", () => {
    for (const body of render(verifiedRun(), undefined, { review: false, answersCommands: false }).bodies) {
      expect(readReviewForm(body)).toBeNull();
      expect(body).not.toMatch(/\/distill|Tick/);
    }
  });

  it("shows figures only where they have an https address", () => {
    const [body = ""] = render(verifiedRun()).bodies;
    expect(expectInert(body).images).toEqual([
      rawUrl("outputs/example3/ground%20track.svg"),
      rawUrl("outputs/residuals.png"),
    ]);
    for (const url of [null, "http://github.com/a.png", "outputs/a.png"]) {
      const [without = ""] = render(verifiedRun(), undefined, { figureUrl: () => url }).bodies;
      expect(expectInert(without).images).toEqual([]);
    }
  });

  it("names another repository where the example is of one", () => {
    const { title } = render(verifiedRun(), finishedRecord({}, { source: "marit-solheim/orbital-elements" }));
    expect(title).toBe("Add a verified example of marit-solheim/orbital-elements");
    expect(render(partialRun()).title).toBe("Add an example of orbital-elements (partial)");
  });

  it.each([
    ["once", formAttack],
    ["in 100 kB", formAttack.repeat(Math.ceil(100_000 / formAttack.length))],
    ["in mentions", "@".repeat(100_000)],
    ["in fences", "`".repeat(100_000)],
  ])("is inert with hostile words %s, and its last body fits", (_, text) => {
    const run = hostileRecord(finishedRecord({}), text);
    for (const sample of [longRun(text), hostileRun({ linked: true }), hostileRun({ linked: false })]) {
      const { title, bodies, commitMessage, indexEntry } = render(sample, run, {
        files: [...files, text, `${text}.png`],
      });
      expect(bodies.at(-1)?.length).toBeLessThan(65_536 - 2000);
      // Longer ones are never sent.
      for (const body of bodies.filter(({ length }) => length <= 65_536)) {
        const { tasks, links, markers, images } = expectInert(body);
        expect(tasks).toEqual([false, false, false]);
        expect(markers).toEqual([`<!-- codedistiller:review ${runId} -->`, "<!-- /codedistiller:review -->"]);
        expect(
          links.filter((link) => link !== pageUrl && !link.startsWith("https://github.com/marit-solheim/")),
        ).toEqual([]);
        expect(images.filter((image) => !image.startsWith("https://github.com/marit-solheim/"))).toEqual([]);
        expect(readReviewForm(body)).toEqual({ runId, executed: false, showsCore: false, correct: false });
      }
      for (const plain of [title, commitMessage]) expect(plain).not.toMatch(/@[a-z\d]|#\d|\bGH-\d|[\u202e\0]/i);
      expect(title.length).toBeLessThan(256);
      expect(title).not.toContain("\n");
      const { tasks, markers, links } = expectInert(indexEntry.text);
      expect({ tasks, markers, links: links.length }).toEqual({ tasks: [], markers: [], links: 1 });
      expect(indexEntry.text).not.toContain("\n");
    }
  });
});
