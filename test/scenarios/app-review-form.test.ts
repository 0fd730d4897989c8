import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { askForRun, awaitDeliveries } from "../support/app-conversation.ts";
import { type AppUnderTest, readRuns, startApp } from "../support/app-under-test.ts";
import { fixture } from "../support/command-line.ts";

const at = { owner: "ada", name: "orbits" };
const other = { owner: "ada", name: "tracks" };
const distill = { ...at, issue: 1, user: "ada", body: "/distill" };
const ticked = { executed: true, showsCore: true, correct: false };

/** The whole form as the app writes it, ticked throughout, for a run. */
const imitation = (runId: string) =>
  [
    `<!-- codedistiller:review ${runId} -->`,
    ...["Executed without error", "Shows the core functionality", "Correct"].map((label) => `- [x] ${label}`),
    "<!-- /codedistiller:review -->",
  ].join("\n");

describe("the review form of a pull request", () => {
  let app: AppUnderTest;
  let runId: string;
  let otherId: string;

  beforeAll(async () => {
    const folder = fixture("orbital-elements");
    app = await startApp({
      users: [{ login: "grace" }],
      repositories: [
        { ...at, folder, collaborators: { grace: "write" }, issues: [{ title: "An example, please" }] },
        { ...other, folder, issues: [{ title: "An example, please" }] },
      ],
    });
    runId = (await askForRun(app, distill)).run.id;
    otherId = (await askForRun(app, { ...distill, ...other })).run.id;
  });
  afterAll(() => app?.[Symbol.asyncDispose]());

  const readBody = async () => (await app.github.pullRequests(at))[0]?.body ?? "";
  const edit = async (body: string) => {
    const delivery = await app.github.editPullRequestBody({ ...at, pull: 2, user: "grace", body });
    expect(delivery.status).toBe(200);
    await awaitDeliveries(app);
  };
  const reviewOf = async (id: string) => (await readRuns(app)).find((run) => run.id === id)?.maintainerReview;

  it("is kept with the run as it was ticked", async () => {
    const body = (await readBody()).replace("[ ] Executed", "[x] Executed").replace("[ ] Shows", "[X] Shows");
    await edit(body.replaceAll("\n", "\r\n"));
    expect(await reviewOf(runId)).toMatchObject(ticked);
  });

  it("is not an imitation above it, nor one that names another run", async () => {
    const body = await readBody();
    for (const imitated of [`${imitation(runId)}\n\n${body}`, `${body}\n\n${imitation(otherId)}\n`]) {
      await edit(imitated);
      expect(await reviewOf(runId)).toMatchObject(ticked);
      expect(await reviewOf(otherId)).toBeNull();
    }
    await edit(body);
  });

  it("is kept as it is now when a box is ticked off", async () => {
    const body = await readBody();
    await edit(body.replace("[X] Shows", "[ ] Shows"));
    expect(await reviewOf(runId)).toMatchObject({ ...ticked, showsCore: false });
    await edit(body);
    expect(await reviewOf(runId)).toMatchObject(ticked);
  });

  it("keeps what was ticked when the app updates the body for the same program", async () => {
    await app.github.pushCommit({ ...at, branch: "main", path: "NOTES.md", text: "New.\n", user: "ada" });
    const { run } = await askForRun(app, distill);
    expect(run.pullRequest?.number).toBe(2);
    const body = await readBody();
    expect(body).toContain(`<!-- codedistiller:review ${run.id} -->`);
    for (const line of ["- [x] Executed without error", "- [x] Shows the core functionality", "- [ ] Correct"])
      expect(body).toContain(`\n${line}\n`);
    expect(run.maintainerReview).toMatchObject(ticked);
  });

  it("is kept with the newest run from then on", async () => {
    await edit((await readBody()).replace("[ ] Correct", "[x] Correct"));
    expect((await readRuns(app))[0]?.maintainerReview).toMatchObject({ ...ticked, correct: true });
    expect(await reviewOf(runId)).toMatchObject(ticked);
  });

  it("is empty again for another program: nobody has looked at that one", async () => {
    const readme = (await app.github.readTree("ada", "orbits", "main")).get("README.md")?.bytes.toString() ?? "";
    const text = readme.replace("0.74", "0.70");
    await app.github.pushCommit({ ...at, branch: "main", path: "README.md", text, user: "ada" });
    const { run } = await askForRun(app, distill);
    expect(run).toMatchObject({ pullRequest: { number: 2 }, maintainerReview: null });
    expect(await readBody()).toContain("- [ ] Executed without error");
    expect(app.github.violations).toEqual([]);
  });
});
