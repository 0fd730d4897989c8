import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ActionContext } from "../../src/action/action-context.ts";
import { findWanted } from "../../src/action/find-wanted.ts";
import { type GitHubServer, startGitHub } from "../support/github-server.ts";
import { openContext, workflowCommit } from "./open-context.ts";

const at = { owner: "marit", name: "raindrops" };
const file = { enabled: true, new_installations: true, allow_users: null, deny_users: [] };

describe("an example that is asked for", () => {
  let github: GitHubServer;
  let context: ActionContext & { said: string[] };

  beforeAll(async () => {
    const files = { "README.md": "# One\n" };
    github = await startGitHub({
      repositories: [
        { ...at, files },
        { owner: "ada", name: "waves", files },
      ],
    });
    context = await openContext(github, at);
  });
  afterAll(() => github?.[Symbol.asyncDispose]());

  it("is of the workflow's commit where it is of its own repository, else of the head of the default branch", async () => {
    expect(await findWanted(null, null, context)).toMatchObject({
      name: "marit/raindrops",
      source: null,
      slug: "raindrops",
      config: { ref: workflowCommit },
    });
    const other = await findWanted("ada/waves", null, context);
    expect(other).toMatchObject({ name: "ada/waves", slug: "ada-waves", config: { ref: null } });
  });

  it("keeps to the lower limits of the repository's file, and says what that may not raise", async () => {
    const limits = { ...file, focus: "short drops", max_cost_usd: 1, max_runtime_mins: 100 };
    const { config, slug } = await findWanted(null, limits, context);
    expect(config).toMatchObject({ max_cost_usd: 1, max_runtime_mins: 15, focus: "short drops" });
    expect(slug).toMatch(/^raindrops-short-drops/);
    expect(context.said.join("\n")).toContain("max_runtime_mins is 15 rather than 100");
    // What it says of its own branches and words is nothing about another's.
    expect((await findWanted("ada/waves", limits, context)).config).toMatchObject({ max_cost_usd: 1, focus: null });
  });

  it.each(["model_str_code", "model_str_fast", "model_str_judge"] as const)(
    "takes a model from that file as %s, and no program of the machine",
    async (key) => {
      const found = await findWanted(null, { ...file, [key]: "claude-haiku-4-5" }, context);
      expect(found.config[key]).toBe("claude-haiku-4-5");
      for (const program of ["command/sh -c id", "replay//tmp/calls.jsonl", " Command/id"])
        await expect(findWanted(null, { ...file, [key]: program }, context)).rejects.toMatchObject({
          code: "settings-refused",
          userMessage: expect.stringContaining("may not be used here"),
        });
    },
  );
});
