import type { Octokit } from "@octokit/rest";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ActionContext } from "../../src/action/action-context.ts";
import { distillExamples } from "../../src/action/distill-examples.ts";
import { verifyExamples } from "../../src/action/verify-examples.ts";
import { makeFolder } from "../support/author-context.ts";
import { type GitHubServer, startGitHub } from "../support/github-server.ts";
import { metadata } from "../templates/sample/sample-iteration.ts";
import { openContext } from "./open-context.ts";

const at = { owner: "marit", name: "raindrops" };

describe("several examples", () => {
  let github: GitHubServer;

  beforeAll(async () => {
    const files = { "README.md": "# One\n" };
    github = await startGitHub({
      repositories: [
        { ...at, files },
        { owner: "ada", name: "showers", files },
      ],
    });
  });
  afterAll(() => github?.[Symbol.asyncDispose]());

  /** Whose runs are a fault of ours before they begin. */
  async function openFaulty(repository: string[] = []) {
    const runs: Array<string | null> = [];
    const createAdapters = (source: { fullName: string } | null) => {
      runs.push(source?.fullName ?? null);
      throw new TypeError("A planted fault.");
    };
    const inputs = { repository, "open-pull-request": false } as ActionContext["inputs"];
    const context = await openContext(github, at, { createAdapters, inputs });
    return { context, runs };
  }

  it("are distilled once each, whatever address a line gives", async () => {
    const lines = ["ada/showers", "https://github.example/ada/showers.git", "Ada/Showers", "marit/raindrops"];
    const { context, runs } = await openFaulty(lines);
    const results = await distillExamples(null, context);
    expect(results.map(({ slug }) => slug)).toEqual(["ada-showers", "raindrops"]);
    expect(runs).toEqual(["ada/showers", "marit/raindrops"]);
    expect(context.said.filter((each) => each.includes("is distilled once"))).toHaveLength(2);
  });

  it("lose nothing to a fault of ours while one is found or distilled, of which the log has all there is", async () => {
    const { context } = await openFaulty(["ada/odd", "ada/showers", "ada/gone"]);
    (context.github as Octokit).hook.before("request", ({ repo }) => {
      if (repo === "odd") throw new RangeError("Another planted fault.");
    });
    const results = await distillExamples(null, context);
    expect(results.map(({ repository, verdict, reasonCode }) => [repository, verdict, reasonCode])).toEqual([
      ["ada/odd", "error", "internal-error"],
      ["ada/showers", "error", "internal-error"],
      ["ada/gone", "error", "repository-not-found"],
    ]);
    expect(context.said).toEqual([
      expect.stringMatching(/Another planted fault\.\n\s+at /),
      expect.stringMatching(/A planted fault\.\n\s+at /),
    ]);
    expect(JSON.stringify(results)).not.toContain("planted");
  });

  it("lose nothing to a fault of ours while one is verified", async () => {
    const distiller = {
      ...{ source: "https://github.example/marit/raindrops.git", commit: null, subdirectory: null, licence: null },
      ...{ modules: [], coreFunctions: [], python: "3.11.2", changesSource: false, files: [] },
    };
    const example = (slug: string, source: string) => ({
      [`examples/${slug}/metadata.json`]: JSON.stringify({
        ...metadata,
        repository_url: source,
        distiller: { ...distiller, source },
      }),
      [`examples/${slug}/results.json`]: "{}",
    });
    await using folder = await makeFolder({
      ...example("first", distiller.source),
      ...example("second", "https://github.example/ada/gone"),
    });
    const { context } = await openFaulty();
    const clone = { folder: folder.path, commit: null } as Awaited<ReturnType<ActionContext["cloneOwn"]>>;
    const results = await verifyExamples(null, { ...context, cloneOwn: async () => clone });
    expect(results.map(({ slug, reasonCode }) => [slug, reasonCode])).toEqual([
      ["first", "internal-error"],
      ["second", "repository-not-found"],
    ]);
    expect(context.said).toEqual([expect.stringMatching(/A planted fault\.\n\s+at /)]);
  });
});
