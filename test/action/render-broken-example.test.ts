import { describe, expect, it } from "vitest";
import {
  type BrokenExample,
  renderBrokenExample,
  renderRepairedExample,
} from "../../src/action/render-broken-example.ts";
import { expectInert } from "../jobs/expect-inert.ts";
import { formAttack } from "../jobs/sample-record.ts";
import { expectGolden } from "../templates/golden.ts";
import { commit, runUrl } from "./sample-result.ts";

const madeAt = "9b1d0c2f3e4a5968778695a4b3c2d1e0f9a8b7c6";

function broken(given: Partial<BrokenExample> = {}): BrokenExample {
  return {
    slug: "orbital-elements",
    repository: "marit-solheim/orbital-elements",
    commit,
    madeAt,
    reasonCode: "results-differ",
    evidence: "A new sandbox came to other values: 2 differ, among them example1.period, example2.burns.0.",
    differences: [
      { key: "example1.period", first: "43175.2604", second: "43082.0193" },
      { key: "example2.burns.0", first: "2.4912", second: "absent" },
    ],
    tail: "",
    notes: [],
    runUrl,
    repair: null,
    ...given,
  };
}

const failing = broken({
  reasonCode: "program-failed",
  evidence: "In a new sandbox main.py ended with exit status 1.",
  differences: [],
  tail: "Traceback (most recent call last):\n  File \"main.py\", line 31\nAttributeError: 'Elements' has no attribute 'periapsis'\n",
  notes: ["numpy 2.5.0 was installed where 2.4.1 was before"],
  repair: { explanation: "Every candidate failed: `periapsis` is gone." },
});

describe("the issue about a broken example", () => {
  it.each([
    ["results-differ", broken()],
    ["program-failed", failing],
    ["same-commit", broken({ commit: madeAt, reasonCode: "environment-not-buildable", differences: [] })],
  ])("of reason %s is as it was", async (name, example) => {
    const { title, body } = renderBrokenExample(example);
    await expectGolden(`broken-example.${name}.md.txt`, `${title}\n\n======\n\n${body}`);
  });

  it("is closed with words on when it worked again", async () => {
    await expectGolden("broken-example.repaired.md.txt", renderRepairedExample(broken()));
  });

  it.each([
    ["environment-not-buildable", "its environment cannot be built any more"],
    ["program-failed", "main.py fails"],
    ["results-differ", "it comes to other values"],
    ["not-grounded", "it does not call the repository's code any more"],
    ["constructor", "it could not be shown to work"],
  ])("says of %s in its title what broke", (reasonCode, words) => {
    expect(renderBrokenExample(broken({ reasonCode })).title).toBe(`examples/orbital-elements is broken: ${words}`);
  });

  it("shows what changed in between only where GitHub can", () => {
    const linksOf = (given: Partial<BrokenExample>) => expectInert(renderBrokenExample(broken(given)).body).links;
    const compare = `https://github.com/marit-solheim/orbital-elements/compare/${madeAt}...${commit}`;
    expect(linksOf({})).toContain(compare);
    for (const given of [
      { madeAt: null },
      { commit: null },
      { repository: "https://gitlab.com/a/b" },
      { madeAt: commit },
    ])
      expect(linksOf(given).filter((link) => link.includes("/compare/"))).toEqual([]);
  });

  it("shows the end of what was printed, from the beginning of a line", () => {
    const tail = Array.from({ length: 2000 }, (_, index) => `\u001b[31mline ${index}\u001b[0m`).join("\n");
    const { body } = renderBrokenExample(broken({ tail }));
    expect(body).toMatch(/```text\n…\nline \d+\n/);
    expect(body).toContain("line 1999\n```");
    expect(body.length).toBeLessThan(8000);
  });

  it("tells nobody what the log of a private job may hold", () => {
    const secret = "https://u:secret@pypi.example/simple sk-ant-0123456789abcdefghij";
    const { body } = renderBrokenExample(broken({ tail: secret, evidence: secret, notes: [secret] }));
    expect(body).not.toMatch(/u:secret|sk-ant-/);
  });

  it("says how many values it does not show", () => {
    const differences = Array.from({ length: 50 }, (_, index) => ({ key: `value${index}`, first: "1", second: "2" }));
    const { body } = renderBrokenExample(broken({ differences }));
    expect(body).toContain("30 more values differ.");
    expect(body).not.toContain("value20");
  });

  it("puts no folder's odd name into a command", () => {
    for (const slug of ["a; rm -rf ~", "$(id)", "a`id`", "a\nb"])
      expect(renderBrokenExample(broken({ slug })).body).not.toContain("```bash");
  });

  it.each([
    ["once", formAttack],
    ["in 5 kB", formAttack.repeat(Math.ceil(5000 / formAttack.length))],
    ["in mentions", "@a".repeat(2500)],
    ["in fences", "`".repeat(5000)],
    ["in lines of fences", "```\n````\n".repeat(600)],
  ])("is inert and short with hostile words %s", (_, text) => {
    const example: BrokenExample = {
      slug: text,
      repository: text,
      commit: text,
      madeAt: text,
      reasonCode: text,
      evidence: text,
      differences: Array.from({ length: 40 }, () => ({ key: text, first: text, second: text })),
      tail: text,
      notes: Array.from({ length: 40 }, () => text),
      runUrl: text,
      repair: { explanation: text },
    };
    const { title, body } = renderBrokenExample(example);
    expect(title.length).toBeLessThan(256);
    expect(title).not.toMatch(/@[a-z\d]|#\d|\bGH-\d|[\u202e\0\n]/i);
    expect(body.length).toBeLessThan(65_536 - 2000);
    for (const markdown of [body, renderRepairedExample(example)]) {
      const { headings, links, images, markers, tasks } = expectInert(markdown);
      expect({ links, images, markers, tasks }).toEqual({ links: [], images: [], markers: [], tasks: [] });
      expect(headings).toBe(markdown === body ? 1 : 0);
    }
  });
});
