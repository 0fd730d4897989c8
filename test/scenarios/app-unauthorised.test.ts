import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { answersOn, ask } from "../support/app-answers.ts";
import { type AppUnderTest, eventually, readRuns, startApp } from "../support/app-under-test.ts";
import { fixture } from "../support/command-line.ts";

const at = { owner: "ada", name: "orbits" };
const paused = { owner: "sam", name: "paused" };
const issues = [{ title: "An example, please" }];
const files = { "README.md": "# little\n" };

describe("somebody who may not ask for runs", () => {
  let app: AppUnderTest;

  beforeAll(async () => {
    app = await startApp({
      users: [{ login: "olaf" }, { login: "nils" }, { login: "dependabot[bot]", type: "Bot" }],
      repositories: [
        {
          ...at,
          folder: fixture("orbital-elements"),
          issues,
          collaborators: { rita: "read", tess: "triage", denis: "write", wendy: "write" },
        },
        {
          owner: "ada",
          name: "chosen",
          files: { ...files, ".github/codedistiller.yml": "allow_users: [wendy]\n" },
          issues,
        },
        { ...paused, files, issues },
        { owner: "eve", name: "elsewhere", files, issues },
      ],
      settings: { deny_users: ["Denis"], allow_accounts: ["ada", "sam"] },
    });
  });
  afterAll(() => app?.[Symbol.asyncDispose]());

  const comment = { ...at, issue: 1, body: "/distill" };
  const onlyWriters = "Only people with write permission to ada/orbits may ask for this.";

  it.each([
    ["who may only read", { ...comment, user: "rita" }, onlyWriters],
    ["who may only sort issues", { ...comment, user: "tess" }, onlyWriters],
    ["whom the repository does not know", { ...comment, user: "olaf" }, onlyWriters],
    ["who asks for a list", { ...comment, user: "nils", body: "/distill status" }, onlyWriters],
    ["whom the operator denies", { ...comment, user: "denis" }, "You may not ask for runs here."],
    [
      "whom the repository did not choose",
      { ...comment, name: "chosen", user: "ada" },
      "Only people who were chosen for it may ask for runs here, and you are none of them.",
    ],
    [
      "of an account that is not served",
      { ...comment, owner: "eve", name: "elsewhere", user: "eve" },
      "Whoever runs this app serves only the accounts that they chose, and this is none of them.",
    ],
  ])("%s gets a reaction and one sentence", async (_who, said, sentence) => {
    const { comment: id, answer } = await ask(app, { ...said, says: sentence });
    expect(answer).toBe(sentence);
    const { owner, name } = said;
    expect(app.github.reactions({ owner, name, comment: id })).toEqual([{ login: app.github.appLogin, content: "-1" }]);
  });

  it("is told once in an issue, and then gets the reaction alone", async () => {
    const before = await answersOn(app, comment);
    const { comment: id } = await app.github.comment({ ...comment, user: "rita" });
    await eventually("the reaction", () => app.github.reactions({ ...at, comment: id }).length > 0);
    const { comment: last } = await app.github.comment({ ...comment, user: "tess" });
    await eventually("the next reaction", () => app.github.reactions({ ...at, comment: last }).length > 0);
    expect(await answersOn(app, comment)).toEqual(before);
  });

  it("that is a bot gets a reaction and no word, so that two bots never talk to each other", async () => {
    const before = await answersOn(app, comment);
    const { comment: id } = await app.github.comment({ ...comment, user: "dependabot[bot]" });
    await eventually("a reaction", () => app.github.reactions({ ...at, comment: id }).length > 0);
    await eventually("a word in the log", () =>
      app.log.some(({ login, reasonCode }) => login === "dependabot[bot]" && reasonCode === "bot-refused"),
    );
    expect(app.github.reactions({ ...at, comment: id }).map(({ content }) => content)).toEqual(["-1"]);
    expect(await answersOn(app, comment)).toEqual(before);
  });

  it("of a suspended installation gets nothing, since GitHub lets the app say nothing", async () => {
    const { github } = app;
    await github.suspend({ user: "sam" });
    const { comment: id, status } = await github.comment({ ...paused, issue: 1, user: "sam", body: "/distill" });
    expect(status).toBe(200);
    await eventually("a word in the log", () => app.log.some(({ msg }) => msg === "delivery not handled"));
    expect(await answersOn(app, { ...paused, issue: 1 })).toEqual([]);
    expect(github.reactions({ ...paused, comment: id })).toEqual([]);
  });

  it("of an installation that the app was never told is in use again gets a reaction and one sentence", async () => {
    const { github } = app;
    github.deliverTo("http://127.0.0.1:1/");
    expect(await github.unsuspend({ user: "sam" })).toMatchObject({ status: null });
    github.deliverTo(`${app.address}/api/github/webhooks`);
    const sentence = "The app is suspended for this account.";
    const said = { ...paused, issue: 1, user: "sam", body: "/distill" };
    const { comment: id, answer } = await ask(app, { ...said, says: sentence });
    expect(answer).toBe(sentence);
    expect(github.reactions({ ...paused, comment: id }).map(({ content }) => content)).toEqual(["-1"]);
    await github.unsuspend({ user: "sam" });
    await ask(app, { ...said, body: "/distill help", says: "What I can do here" });
  });

  it("has nothing run and nothing cloned", async () => {
    expect(await readRuns(app)).toEqual([]);
    expect(app.github.gitRequests).toEqual([]);
    expect(app.github.violations).toEqual([]);
  });
});

describe("words that are no command", () => {
  let app: AppUnderTest;

  beforeAll(async () => {
    app = await startApp({ repositories: [{ ...at, files, issues }] });
  });
  afterAll(() => app?.[Symbol.asyncDispose]());

  it.each([
    ["a quoted reply", "> /distill\n\nWhat does that do?"],
    ["a code fence", "```\n/distill\n```"],
    ["indented code", "    /distill"],
    ["a second line", "Would you please\n/distill"],
    ["a word that begins alike", "/distillery"],
    ["a comment that is edited to be one", "/ distill"],
  ])("in %s trigger nothing, not even a request to GitHub", async (_where, body) => {
    const { github } = app;
    const told = await github.comment({ ...at, issue: 1, user: "ada", body });
    const edited = await github.editComment({ ...at, comment: told.comment, user: "ada", body: "/distill" });
    expect([told.status, edited.status]).toEqual([200, 200]);
    expect(github.requests).toEqual([]);
  });

  it("are not just handled late: whoever asks after them has the only answer", async () => {
    await ask(app, { ...at, issue: 1, user: "ada", body: "/distill help", says: "What I can do here" });
    expect(await answersOn(app, { ...at, issue: 1 })).toHaveLength(1);
    expect(await readRuns(app)).toEqual([]);
    expect(app.github.gitRequests).toEqual([]);
    expect(app.github.violations).toEqual([]);
  });
});
