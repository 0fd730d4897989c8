import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { codesIn, tableOf } from "../support/page-tables.ts";
import { fileAt, quickStarts, readyWorkflow, readyWorkflows } from "../support/ready-workflows.ts";

const ours = "OWNER/codedistiller";
const page = readFileSync(fileAt("docs/action.md"), "utf8");
const action = parse(readFileSync(fileAt("action.yml"), "utf8")) as { inputs: object; outputs: object };

describe.each([...readyWorkflows, ...quickStarts])("the workflow in $name", ({ text, workflow, jobs, steps }) => {
  it("gives the action inputs that it has, and reads outputs that it has", () => {
    const calls = steps.filter(({ uses }) => uses?.startsWith(`${ours}@`));
    expect(calls).toHaveLength(1);
    for (const { id, with: given = {} } of calls) {
      expect(Object.keys(action.inputs)).toEqual(expect.arrayContaining(Object.keys(given)));
      const used = [...text.matchAll(new RegExp(`steps\\.${id}\\.outputs\\.([\\w-]+)`, "g"))].map(([, name]) => name);
      expect(Object.keys(action.outputs)).toEqual(expect.arrayContaining(used));
    }
  });

  it("grants nothing but what a job says, and every job ends", () => {
    expect(workflow.permissions).toEqual({});
    for (const job of jobs) {
      expect(job.permissions, job.id).toBeDefined();
      expect(job["timeout-minutes"], job.id).toBeLessThanOrEqual(240);
    }
  });

  it("puts no expression into a shell", () => {
    for (const { run } of steps) expect(run ?? "").not.toContain("$" + "{{");
  });
});

describe.each(readyWorkflows)("docs/workflows/$name", ({ name, text, workflow, jobs, steps }) => {
  it("asks for the permissions that docs/action.md lists, and no more", () => {
    const granted = jobs.flatMap(({ permissions = {} }) =>
      Object.entries(permissions).map(([permission, access]) => `${permission}: ${access}`),
    );
    const [, listed = ""] = tableOf(page, "workflow").find(([cell]) => cell === `\`${name}\``) ?? [];
    const [always = ""] = listed.split(";");
    expect([...new Set(granted)].toSorted()).toEqual(codesIn(always).toSorted());
    const explained = tableOf(page, "permission").flatMap(([permission]) => codesIn(permission));
    expect(explained).toEqual(expect.arrayContaining(codesIn(listed)));
    for (const { uses, with: given = {} } of steps) {
      if (!uses?.startsWith("actions/create-github-app-token@")) continue;
      const asked = Object.entries(given).filter(([input]) => input.startsWith("permission-"));
      expect(asked.length).toBeGreaterThan(0);
      expect(explained).toEqual(
        expect.arrayContaining(asked.map(([input, access]) => `${input.replace("permission-", "")}: ${access}`)),
      );
    }
  });

  it("names actions of others by their commit, with the version", () => {
    const lines = text.split("\n").filter((line) => /^\s*(- )?uses:/.test(line) && !line.includes(`${ours}@`));
    for (const line of lines) expect(line).toMatch(/uses: [\w-]+\/[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
    expect(lines).toHaveLength(steps.filter(({ uses }) => uses && !uses.startsWith(`${ours}@`)).length);
  });

  it("never cuts off a run that costs money", () => {
    expect(workflow.concurrency).toMatchObject({ group: expect.any(String), "cancel-in-progress": false });
  });

  it("stands in the page's list", () => {
    expect(tableOf(page, "file").map(([file]) => file)).toContain(`[${name}](workflows/${name})`);
  });
});

it("pins one commit of each action, everywhere", () => {
  const pins = new Map<string, Set<string>>();
  for (const [, repository = "", , pin = ""] of readyWorkflows
    .map(({ text }) => text)
    .join("\n")
    .matchAll(/uses: ([\w-]+\/[\w-]+)(\/[\w/-]+)?@([0-9a-f]{40} # \S+)/g))
    pins.set(repository, (pins.get(repository) ?? new Set()).add(pin));
  expect(pins.size).toBeGreaterThan(3);
  for (const [repository, seen] of pins) expect([...seen], repository).toHaveLength(1);
});

describe("comment.yml", () => {
  const { workflow, jobs, steps } = readyWorkflow("comment.yml");

  it("takes no runner for other comments", () => {
    expect(workflow.on).toEqual({ issue_comment: { types: ["created"] } });
    for (const job of jobs) expect(job.if).toBe("startsWith(github.event.comment.body, '/distill')");
  });

  it("has no comment wait for another", () => {
    expect(workflow.concurrency?.group).toContain("github.event.comment.id");
  });

  it("has no files of a pull request, and saves nothing that a stranger's comment could", () => {
    const used = steps.flatMap(({ uses }) => uses?.split("@")[0] ?? []);
    expect(used.toSorted()).toEqual([ours, "actions/cache/restore", "actions/upload-artifact"]);
  });
});
