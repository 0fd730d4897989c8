import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type AppUnderTest, endOfRun, eventually, readRuns, startApp } from "../support/app-under-test.ts";
import { fixture } from "../support/command-line.ts";

const folder = fixture("orbital-elements");
const issues = [{ title: "An example, please" }];
const named = (name: string) => ({ owner: "ada", name });

/** GitHub takes no comment either then: the operator's pages have the reason. */
describe("a repository that is archived when its example is about to be committed", () => {
  let app: AppUnderTest;

  beforeAll(async () => {
    app = await startApp({ repositories: ["told", "silent"].map((name) => ({ ...named(name), folder, issues })) });
  });
  afterAll(() => app?.[Symbol.asyncDispose]());

  async function archiveBeforeTheEnd(name: string, { webhook = true } = {}) {
    const { github } = app;
    const at = named(name);
    const runs = (await readRuns(app)).length;
    github.delay({ method: "GET", path: new RegExp(`/ada/${name}/git/matching-refs`), milliseconds: 1000 });
    await github.comment({ ...at, issue: 1, user: "ada", body: "/distill" });
    await eventually("a run that looks at the branches", () =>
      github.requests.some(({ path }) => path.includes(`/ada/${name}/git/ref/`)),
    );
    if (!webhook) github.deliverTo(`${app.address}/lost`);
    await github.archive({ ...at, user: "ada" });
    github.deliverTo(`${app.address}/api/github/webhooks`);
    const run = await endOfRun(app, runs + 1);
    expect(run.pullRequest).toBeNull();
    expect(await github.branchHead({ ...at, branch: `codedistiller/${name}` })).toBeNull();
    expect(await github.pullRequests(at)).toEqual([]);
    return run;
  }

  it("ends the run with that reason, cancelled or not", async () => {
    const { ending } = await archiveBeforeTheEnd("told");
    expect(ending?.explanation).toMatch(/^The repository was archived\.$|The repository is archived: unarchive it/);
  });

  it("is seen without the webhook: what was made stands, and why it was not brought", async () => {
    const { ending } = await archiveBeforeTheEnd("silent", { webhook: false });
    expect(ending).toMatchObject({ outcome: "verified" });
    expect(ending?.explanation).toContain(
      "No pull request was opened: The repository is archived: unarchive it, then ask again.",
    );
  });

  it("asks for nothing that GitHub's own description does not have", () => {
    expect(app.github.violations).toEqual([]);
  });
});
