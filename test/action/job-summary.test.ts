import { describe, expect, it } from "vitest";
import type { ActionResult, ExampleResult } from "../../src/action/action-result.ts";
import { renderJobSummary } from "../../src/action/job-summary.ts";
import { expectInert } from "../jobs/expect-inert.ts";
import { formAttack } from "../jobs/sample-record.ts";
import { expectGolden } from "../templates/golden.ts";
import { actionResult, brokenResult, commit, exampleResult, runUrl } from "./sample-result.ts";

const render = (result: ActionResult): string =>
  renderJobSummary({ result, runUrl, wroteAt: new Date("2026-11-22T14:05:09.000Z") });

/** GitHub's own bound, in bytes. */
const oneMebibyte = 2 ** 20;

/** Every text of an example that comes from outside. */
function hostileExample(text: string): ExampleResult {
  const repeated = <T>(value: T): T[] => Array.from({ length: 40 }, () => value);
  return exampleResult({
    repository: text,
    slug: text,
    reasonCode: text,
    explanation: text,
    advice: text,
    checks: repeated({ name: text, result: text, evidence: text }),
    commit: text,
    pullRequest: { number: 1, url: text },
    issue: { number: 2, url: text },
    figures: repeated({ name: text, url: text }),
    badgeUrl: text,
  });
}

describe("the summary of a job", () => {
  it.each([
    ["one", actionResult([exampleResult()])],
    ["broken", actionResult([brokenResult], { command: "verify" })],
    ["several", actionResult([brokenResult, exampleResult(), exampleResult({ slug: "other", verdict: "partial" })])],
    [
      "wrong-input",
      actionResult([], { reasonCode: "input", explanation: "The input `sandbox` is `modl`: say `modal`." }),
    ],
    [
      "no-examples",
      actionResult([], {
        command: "verify",
        verdict: "skipped",
        reasonCode: "no-examples",
        explanation: "There is no example of ours below examples/.",
      }),
    ],
  ])("of %s is as it was", (name, result) => expectGolden(`job-summary.${name}.md.txt`, render(result)));

  it("leads to pull requests, issues, commits and the run", () => {
    const { links, images } = expectInert(render(actionResult([brokenResult, exampleResult()])));
    expect(links).toContain(brokenResult.issue?.url);
    expect(links).toContain(exampleResult().pullRequest?.url);
    expect(links).toContain(`https://github.com/marit-solheim/orbital-elements/tree/${commit}`);
    expect(links).toContain(runUrl);
    expect(images).toEqual([exampleResult().figures[0]?.url]);
  });

  it.each([
    ["an owner and a name", "lindqvist/tidal", `https://github.com/lindqvist/tidal/tree/${commit}`],
    [
      "an address on GitHub",
      "https://github.com/lindqvist/tidal.git",
      `https://github.com/lindqvist/tidal/tree/${commit}`,
    ],
    ["another host", "https://gitlab.com/lindqvist/tidal", null],
    ["a name with more in it", "lindqvist/tidal/pull/3", null],
    ["a way up", "../../evil", null],
    ["credentials", "https://a:b@github.com/lindqvist/tidal", null],
  ])("links a commit where it is of %s as GitHub has it", (_, repository, href) => {
    const { links } = expectInert(
      render(actionResult([exampleResult({ repository, pullRequest: null, figures: [] })])),
    );
    expect(links.filter((link) => link !== runUrl)).toEqual(href ? [href] : []);
  });

  it("shows no picture but those with an https address", () => {
    const urls = ["http://github.com/a.png", "outputs/a.png", "javascript:alert(1)", "data:image/png;base64,AA=="];
    const example = exampleResult({ figures: urls.map((url) => ({ name: "a.png", url })) });
    expect(expectInert(render(actionResult([example]))).images).toEqual([]);
  });

  it("speaks of comments only where a comment asked", () => {
    const failed = { verdict: "error" as const, reasonCode: "github-rate-limited", explanation: "Too many requests." };
    expect(render(actionResult([], failed))).not.toContain("/distill");
    expect(render(actionResult([], { ...failed, command: "comment" }))).toContain("`/distill retry`");
  });

  it.each([
    ["once", formAttack],
    ["in 5 kB", formAttack.repeat(Math.ceil(5_000 / formAttack.length))],
    ["in mentions", "@a".repeat(2_500)],
    ["in fences", "`".repeat(5_000)],
    ["in what nobody sees", "\u202e".repeat(5_000)],
  ])("is inert with hostile words %s", (_, text) => {
    const example = hostileExample(text);
    const given = { reasonCode: text, explanation: text };
    for (const examples of [[], [example], [example, example]]) {
      const { headings, links, images, markers, tasks } = expectInert(render(actionResult(examples, given)));
      expect({ headings, images, markers, tasks }).toEqual({ headings: 1, images: [], markers: [], tasks: [] });
      expect(links.filter((link) => link !== runUrl)).toEqual([]);
    }
  });

  it("fits what GitHub takes, with fewer details from the end, then fewer rows", () => {
    const example = hostileExample("@".repeat(2000));
    const [some = "", many = ""] = [60, 1500].map((count) => render(actionResult(Array(count).fill(example))));
    for (const text of [some, many]) {
      expect(Buffer.byteLength(text)).toBeLessThan(oneMebibyte - 100_000);
      expect(Buffer.byteLength(text)).toBeGreaterThan(700_000);
      expect(text).toContain("GitHub takes no more here");
      expect(text).toContain("Written on 22 November 2026");
    }
    expect(some).not.toContain("The table ends");
    expect(many).toContain("The table ends");
    expect(render(actionResult(Array(40).fill(exampleResult())))).not.toContain("takes no more");
  });
});
