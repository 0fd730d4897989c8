import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ActionContext } from "../../src/action/action-context.ts";
import { findNamed, findPublished } from "../../src/action/named-source.ts";
import type { PublishedExample } from "../../src/pipeline/verify-example.ts";
import { type GitHubServer, startGitHub } from "../support/github-server.ts";
import { openContext } from "./open-context.ts";

const at = { owner: "marit", name: "raindrops" };
const files = { "README.md": "# One\n" };

describe("what is named beside the workflow's own repository", () => {
  let github: GitHubServer;
  let context: ActionContext;

  beforeAll(async () => {
    github = await startGitHub({
      repositories: [
        { ...at, private: true, files },
        { owner: "ada", name: "tides.py", files },
        { owner: "ada", name: "secret", private: true, collaborators: { marit: "read" }, files },
      ],
    });
    await github.renameRepository({ owner: "ada", name: "tides.py", to: "waves", user: "ada" });
    context = await openContext(github, at);
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

  it.each([
    ["github.com", "https://github.com/ada/waves/tree/main/src"],
    ["github.example", "https://github.example/ada/waves/-/tree/main/src"],
  ])("keeps the branch and the folder of a page on %s", async (serverHost, line) => {
    const found = await findNamed(line, { ...context, workflow: { ...context.workflow, serverHost } });
    expect(found).toMatchObject({ url: line, facts: { fullName: "ada/waves" } });
  });

  it("is no part of the workflow's own repository, which has inputs for that", async () => {
    const at = { ...context, workflow: { ...context.workflow, serverHost: "github.com" } };
    const refused = findNamed("https://github.com/marit/raindrops/tree/main/src", at);
    await expect(refused).rejects.toMatchObject({ code: "part-of-own-repository" });
  });

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
    ["ssh://git@github.example/ada/waves.git", "source-scheme-refused"],
    ["git@github.example:ada/waves.git", "source-scheme-refused"],
    ["file:///etc", "source-scheme-refused"],
    ["/etc/passwd", "source-not-found"],
    ["../raindrops", "source-not-found"],
    ["--upload-pack=x", "source-not-understood"],
    ["marit/..", "source-not-understood"],
  ])("is refused: %s as %s", async (line, code) => {
    const refused = findNamed(line, context);
    await expect(refused).rejects.toMatchObject({ code });
    await refused.catch(({ userMessage }) => expect(userMessage).not.toContain("planted"));
  });

  it("is not another's private repository where only an example says so, though the token may read it", async () => {
    const reader = await openContext(github, at, { token: github.userToken("marit") });
    const of = (name: string) =>
      ({
        metadata: { repository_url: `https://github.example/${name}`, distiller: { source: name } },
      }) as PublishedExample;
    await expect(findPublished(of("ada/secret"), reader)).rejects.toMatchObject({ code: "source-is-private" });
    await expect(findPublished(of("marit/raindrops"), reader)).resolves.toBeNull();
    await expect(findPublished(of("ada/waves"), reader)).resolves.toMatchObject({ facts: { fullName: "ada/waves" } });
    // The workflow may name it, and that one only.
    const named = await findNamed("ada/secret", reader);
    await expect(findPublished(of("ada/secret"), reader, named)).resolves.toEqual(named);
    const waves = await findNamed("ada/waves", reader);
    await expect(findPublished(of("ada/secret"), reader, waves)).rejects.toMatchObject({ code: "source-is-private" });
  });
});
