import type { Nodes } from "mdast";
import { fromMarkdown } from "mdast-util-from-markdown";
import { gfmFromMarkdown } from "mdast-util-gfm";
import { gfm } from "micromark-extension-gfm";
import { describe, expect, it } from "vitest";
import { parseCommand } from "../../src/handlers/command.ts";
import {
  renderBudgetRefusal,
  renderCancelled,
  renderConfigError,
  renderDeclined,
  renderHelp,
  renderNothingTo,
  renderRefusal,
  renderReviseElsewhere,
  renderSettingsRefusal,
  renderStatus,
  renderTooManyToday,
  renderTooManyWaiting,
} from "../../src/handlers/replies.ts";
import {
  finishedRecord,
  formAttack,
  hostileRecord,
  openPullRequest,
  queuedRecord,
  runningRecord,
} from "../jobs/sample-record.ts";
import { expectGolden } from "../templates/golden.ts";

const misunderstood = (body: string): string => {
  const command = parseCommand(body);
  if (command?.kind !== "misunderstood") throw new Error("This was understood.");
  return command.problem;
};

const replies: Record<string, string> = {
  help: renderHelp({ problem: null, label: "distill" }),
  "help-misunderstood": renderHelp({ problem: misunderstood("/distill stauts @octocat"), label: "distill" }),
  refusal: renderRefusal({ sentence: "Only people with write permission to uni/orbits may ask for this." }),
  "config-error": renderConfigError({
    problem:
      '.github/codedistiller.yml, line 2: "sandbox" is no key that may stand here. Allowed keys: enabled, focus.',
  }),
  "settings-refusal": renderSettingsRefusal({
    problems: ['The model "gpt-6" may not be used here. Allowed: claude-sonnet-4-6, builtin/extract.'],
  }),
  status: renderStatus({
    rows: [
      { run: queuedRecord(), place: 2, pageUrl: "https://distill.example.org/runs/5f0c2a91d47e4b3c8a6f1e20b97d3c44" },
      { run: queuedRecord({ source: "https://github.com/a/b" }), place: 0, pageUrl: null },
      { run: runningRecord(), place: 0, pageUrl: null },
      { run: runningRecord({ cancelled: { by: "kari", reason: "asked" } }), place: 0, pageUrl: null },
      { run: finishedRecord({}, { pullRequest: openPullRequest }), place: 0, pageUrl: null },
      { run: finishedRecord({ outcome: "partial", reasonCode: "not-reproduced" }), place: 0, pageUrl: null },
      { run: finishedRecord({ outcome: "cancelled", reasonCode: "cancelled" }), place: 0, pageUrl: null },
    ],
  }),
  "status-empty": renderStatus({ rows: [] }),
  "nothing-to-cancel": renderNothingTo({ asked: "cancel" }),
  "nothing-to-retry": renderNothingTo({ asked: "retry" }),
  "nothing-to-revise": renderNothingTo({ asked: "revise" }),
  "revise-elsewhere": renderReviseElsewhere(),
  cancelled: renderCancelled({ runs: 1, by: "marit-solheim" }),
  "cancelled-more": renderCancelled({ runs: 3, by: "marit-solheim" }),
  declined: renderDeclined({ pullRequest: openPullRequest }),
  budget: renderBudgetRefusal({ runUsd: 5, leftUsd: 1.2, limitUsd: 10, budget: "repository-day" }),
  "budget-spent": renderBudgetRefusal({ runUsd: 5, leftUsd: 0.004, limitUsd: 100, budget: "installation-month" }),
  "too-many": renderTooManyWaiting({ waiting: 20 }),
  "too-many-today": renderTooManyToday({ limit: 50 }),
};

describe("what is said to people", () => {
  it.each(Object.keys(replies))("says as it did: %s", (name) =>
    expectGolden(`replies.${name}.md.txt`, replies[name] ?? ""),
  );

  it("is never a command itself, and ends in one line end", () => {
    for (const text of Object.values(replies)) {
      expect(parseCommand(text)).toBeNull();
      expect(text).toMatch(/\S\n$/);
      expect(text).not.toMatch(/\n{3}/);
    }
  });

  it("suggests commands that are understood", () => {
    const suggested = Object.values(replies).flatMap((text) =>
      [...text.matchAll(/`(\/distill[^`]*)`/g)].map(([, one]) => one ?? ""),
    );
    expect(suggested.length).toBeGreaterThan(10);
    for (const command of suggested) expect(parseCommand(command)?.kind, command).not.toBe("misunderstood");
  });

  it("suggests no more money than is left", () => {
    const lowerOf = (leftUsd: number): string | null =>
      /--max-cost ([\d.]+)`/.exec(
        renderBudgetRefusal({ runUsd: 5, leftUsd, limitUsd: 10, budget: "repository-day" }),
      )?.[1] ?? null;
    expect(lowerOf(1.2)).toBe("1.20");
    expect(lowerOf(1.209)).toBe("1.20");
    expect(lowerOf(0.1 + 0.2)).toBe("0.30");
    expect(lowerOf(0)).toBeNull();
    expect(lowerOf(-3)).toBeNull();
  });

  it("shows twenty runs and counts the others", () => {
    const rows = Array.from({ length: 25 }, () => ({ run: queuedRecord(), place: 1, pageUrl: null }));
    expect(renderStatus({ rows })).toMatch(/5 older ones are not shown\./);
  });
});

const attack = formAttack.repeat(20);
const hostileRun = hostileRecord(finishedRecord({}, { pullRequest: openPullRequest }), attack);
const waiting = { ...hostileRun, status: "running" as const, cancelled: null };
const attacked: Record<string, string> = {
  help: renderHelp({ problem: attack, label: attack.slice(0, 200) }),
  refusal: renderRefusal({ sentence: attack }),
  "config-error": renderConfigError({ problem: attack }),
  "settings-refusal": renderSettingsRefusal({ problems: [attack, attack] }),
  status: renderStatus({ rows: [hostileRun, waiting].map((run) => ({ run, place: 1, pageUrl: attack })) }),
  cancelled: renderCancelled({ runs: 1, by: attack }),
  declined: renderDeclined({ pullRequest: { number: 1, url: attack } }),
  "a link": renderStatus({
    rows: [{ run: hostileRun, place: 0, pageUrl: "https://a.example/)[x](javascript:alert(1)" }],
  }),
};

describe("words from outside", () => {
  it.each(Object.keys(attacked))("are words and nothing else: %s", (name) => {
    const tree = fromMarkdown(attacked[name] ?? "", { extensions: [gfm()], mdastExtensions: [gfmFromMarkdown()] });
    const nodes = nodesOf(tree);
    const mine = new Set([
      "root",
      "paragraph",
      "text",
      "table",
      "tableRow",
      "tableCell",
      "inlineCode",
      "list",
      "listItem",
      "html",
    ]);
    expect(nodes.map(({ type }) => type).filter((type) => !mine.has(type))).toEqual([]);
    expect(
      nodes.flatMap((node) => (node.type === "listItem" && typeof node.checked === "boolean" ? [node] : [])),
    ).toEqual([]);
    expect(
      nodes.flatMap((node) => (node.type === "html" ? [node.value] : [])).filter((tag) => !/^<\/?code>$/.test(tag)),
    ).toEqual([]);
    const text = nodes.flatMap((node) => (node.type === "text" ? [node.value] : [])).join("\n");
    expect(text).not.toMatch(/@[a-z\d]|#\d|\bGH-\d|https?:\/\/|\bwww\./i);
    expect(attacked[name]).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u202a-\u202e\u2066-\u2069]/);
  });
});

function nodesOf(node: Nodes): Nodes[] {
  return [node, ...("children" in node ? node.children.flatMap(nodesOf) : [])];
}
