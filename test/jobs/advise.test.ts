import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { type AdviceDoor, advise } from "../../src/jobs/advise.ts";
import { ReasonCode } from "../../src/pipeline/outcome.ts";
import { expectGolden } from "../templates/golden.ts";

const doors: readonly AdviceDoor[] = ["comment", "workflow-comment", "workflow"];
const outcomes = ["verified", "partial", "failed", "skipped", "cancelled", "error"] as const;

/** Each reason that has words of its own, and one or more of each family. */
const told = `
  core-not-reached not-grounded not-reproduced objected budget model-refused model-unusable no-example-found
  not-python needs-gpu needs-api-key needs-gui needs-data needs-program missing-module environment-not-buildable
  examples-fail too-slow iterations-used-up no-examples program-failed results-differ unknown-ref
  subdirectory-not-found repository-not-found repository-empty repository-too-large repository-too-many-files
  repository-disabled no-permission protected archived empty refused-by-github base-not-found
  not-for-pull-requests folder-taken blocked-folder branches-taken unsafe-path disabled gone repository-gone
  unchanged process-ended human-commits declined cancelled model-key-missing model-key-refused model-forbidden
  archive-corrupt disk-full github-rate-limited input settings-refused not-a-comment not-in-a-workflow model-not-found model-rate-limited
  model-unavailable model-connection-lost model-timed-out output-failed price-unknown sandbox-lost
  snapshot-failed source-not-found
`
  .trim()
  .split(/\s+/);

/** Codes in the first column of the tables of docs/outcomes.md. */
const documented = readFileSync(new URL("../../docs/outcomes.md", import.meta.url), "utf8")
  .split("\n")
  .flatMap((line) =>
    [...(/^\| (`[^|]*) \|/.exec(line)?.[1] ?? "").matchAll(/`([a-z-]+)`/g)].map(([, code = ""]) => code),
  );
const reasonCodes = [...new Set([...told, ...ReasonCode.options, ...documented])];

/** What a door says of anything. */
function sayAll(door: AdviceDoor): string[] {
  return reasonCodes
    .flatMap((reasonCode) => outcomes.map((outcome) => advise({ outcome, reasonCode, door })))
    .filter((text) => text !== null);
}

describe("advice", () => {
  it.each(doors)("by the door %s is as it was", async (door) => {
    const rows = told.map((reasonCode) => `${reasonCode}: ${advise({ outcome: "error", reasonCode, door })}`);
    const byOutcome = outcomes.map((outcome) => `(${outcome}): ${advise({ outcome, reasonCode: "", door })}`);
    await expectGolden(`advice.${door}.txt`, `${[...rows, ...byOutcome].join("\n")}\n`);
  });

  it("in a workflow speaks of nothing that only an app has", () => {
    for (const text of sayAll("workflow")) expect(text).not.toMatch(/\/distill|\bcomment\b|\bapp\b/);
    for (const text of sayAll("workflow-comment")) expect(text).not.toMatch(/\bapp\b/);
    expect(sayAll("workflow-comment").filter((text) => text.includes("`/distill retry`"))).not.toEqual([]);
  });

  it("in a comment to the app speaks of no workflow's inputs", () => {
    for (const text of sayAll("comment")) expect(text).not.toMatch(/\binputs?\b|\bworkflow\b|\benv\b|`github-token`/);
  });

  it("is made of whole sentences with nothing left open", () => {
    for (const door of doors)
      for (const text of sayAll(door)) {
        expect(text).toMatch(/^[A-Z`].*\.$/s);
        expect(text).not.toMatch(/undefined|null| {2}| [,;]/);
        expect(text.split("`").length % 2).toBe(1);
      }
  });

  it("has nothing to say by one door that it has not by another", () => {
    for (const reasonCode of reasonCodes) {
      const said = doors.map((door) => advise({ outcome: "error", reasonCode, door }) !== null);
      expect([reasonCode, new Set(said).size]).toEqual([reasonCode, 1]);
    }
  });

  it.each([
    "no-examples",
    "base-not-found",
    "not-for-pull-requests",
    "repository-disabled",
    "program-failed",
    "results-differ",
  ])("has words of its own on %s, which docs/outcomes.md explains", (reasonCode) => {
    expect(documented).toContain(reasonCode);
    const plain = advise({ outcome: "error", reasonCode: "", door: "workflow" });
    expect(advise({ outcome: "error", reasonCode, door: "workflow" })).not.toBe(plain);
  });

  it("takes no name of JavaScript's own for a reason", () => {
    for (const reasonCode of ["constructor", "__proto__", "toString"])
      expect(advise({ outcome: "verified", reasonCode, door: "comment" })).toBeNull();
  });
});
