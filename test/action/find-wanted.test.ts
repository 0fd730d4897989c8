import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ActionContext } from "../../src/action/action-context.ts";
import { findWanted } from "../../src/action/find-wanted.ts";
import { findNamed } from "../../src/action/named-source.ts";
import { resolveConfig } from "../../src/config.ts";
import { readRepository } from "../../src/github/read-repository.ts";
import { clientOf } from "../github/connect.ts";
import { type GitHubServer, startGitHub } from "../support/github-server.ts";

const at = { owner: "marit", name: "raindrops" };
const sha = "8739c740a027a6bb8b5a9c46a4387a9d4f0e015b";

describe("what the input `repository` names", () => {
  let github: GitHubServer;
  let context: ActionContext;
  const notes: string[] = [];

  beforeAll(async () => {
    github = await startGitHub({
      repositories: [
        { ...at, files: { "README.md": "# raindrops\n" } },
        { owner: "ada", name: "tides.py", files: { "README.md": "# tides\n" } },
        { owner: "ada", name: "secret", private: true, files: { "README.md": "# secret\n" } },
      ],
    });
    await github.renameRepository({ owner: "ada", name: "tides.py", to: "waves", user: "ada" });
    const token = github.workflowToken({ repository: at, permissions: { contents: "read" } });
    const client = clientOf(github, token);
    const repository = await readRepository({ github: client, repository: { owner: at.owner, repo: at.name } });
    if (!repository) throw new Error("It is not there.");
    context = {
      github: client,
      repository,
      workflow: { serverHost: "github.example", sha },
      inputs: {},
      config: resolveConfig({ flags: {}, file: null, environment: {} }),
      say: (text: string) => notes.push(text),
    } as unknown as ActionContext;
  });
  afterAll(() => github?.[Symbol.asyncDispose]());

  it.each(["marit/raindrops", "Marit/Raindrops", "marit/raindrops.git", "https://github.example/marit/raindrops/"])(
    "is the workflow's own under each of its names: %s",
    async (line) => {
      expect(await findNamed(line, context)).toBeNull();
    },
  );

  it.each(["ada/tides.py", "ada/waves", "https://github.example/ada/waves.git"])(
    "is looked for on the workflow's own GitHub, also under its new name: %s",
    async (line) => {
      const found = await findNamed(line, context);
      expect(found?.facts).toMatchObject({ fullName: "ada/waves", isPrivate: false });
      expect(found?.url).toBe(found?.facts?.cloneUrl);
    },
  );

  it.each(["https://github.com/ada/tides", "https://github.example:8443/ada/waves", "https://codeberg.org/a/b.git"])(
    "is fetched as it stands where it lies elsewhere: %s",
    async (line) => {
      const before = github.requests.length;
      expect(await findNamed(line, context)).toEqual({ url: line, facts: null });
      expect(github.requests.length).toBe(before);
    },
  );

  it.each([
    ["ada/gone", "repository-not-found"],
    ["ada/secret", "repository-not-found"],
    ["https://marit:planted@github.example/ada/waves", "source-credentials-refused"],
    ["http://github.example/ada/waves", "source-scheme-refused"],
    ["file:///etc", "source-scheme-refused"],
    ["/etc/passwd", "source-not-found"],
    ["../raindrops", "source-not-found"],
    ["--upload-pack=x", "source-not-understood"],
    ["marit/..", "source-not-understood"],
  ])("is refused as %s: %s", async (line, code) => {
    const refused = findNamed(line, context);
    await expect(refused).rejects.toMatchObject({ code });
    await refused.catch(({ userMessage }) => expect(userMessage).not.toContain("planted"));
  });

  it("is distilled at the workflow's commit where it is its own, else at the head of its default branch", async () => {
    expect(await findWanted(null, null, context)).toMatchObject({
      name: "marit/raindrops",
      source: null,
      slug: "raindrops",
      config: { ref: sha },
    });
    const other = await findWanted("ada/waves", null, context);
    expect(other).toMatchObject({ name: "ada/waves", slug: "ada-waves", config: { ref: null } });
  });

  it("keeps to the lower limits of that file, and says what it may not raise", async () => {
    const file = { enabled: true, new_installations: true, allow_users: null, deny_users: [], focus: "short drops" };
    const limits = { ...file, max_cost_usd: 1, max_runtime_mins: 100 };
    const { config, slug } = await findWanted(null, limits, context);
    expect(config).toMatchObject({ max_cost_usd: 1, max_runtime_mins: 15, focus: "short drops" });
    expect(slug).toMatch(/^raindrops-short-drops/);
    expect(notes.join("\n")).toContain("max_runtime_mins is 15 rather than 100");
    // What it says of its own branches and words is nothing about another's.
    expect((await findWanted("ada/waves", limits, context)).config).toMatchObject({ max_cost_usd: 1, focus: null });
  });
});
