import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ActionResult } from "../../src/action/action-result.ts";
import { type ActionOptions, type EndedAction, runAction } from "../support/action-runner.ts";
import { canIsolate, filesWith, fixture } from "../support/command-line.ts";
import { expectDiscreet } from "../support/expect-discreet.ts";
import { type GitHubServer, startGitHub } from "../support/github-server.ts";
import { type ModelServer, startModelServer } from "../support/model-server/model-server.ts";
import {
  anthropicAt,
  createScriptedAuthor,
  exchangesWith,
  judges,
  orbitProgram,
  plantedKey,
  textIn,
  writes,
} from "../support/scripted-author.ts";

const repository = { owner: "marit", name: "orbital-elements" };
/** Looks like no provider's key: only its being set tells that it is one. */
const plainKey = "planted0key0without0any0pattern";

describe.runIf(canIsolate)("the action, with a provider's key", () => {
  let github: GitHubServer;
  let server: ModelServer;
  let ended: EndedAction;
  let frugal: EndedAction;
  let billed: number;

  beforeAll(async () => {
    const echoed = `The keys ${plantedKey} and ${plainKey} are on hold.`;
    server = await startModelServer({
      keepRequests: true,
      answer: createScriptedAuthor({
        summary: [{ value: { description: `Computes orbits. ${echoed}`, highlyRelevantFiles: [] } }],
        writing: [
          (mark) => ({ text: textIn(writes({ "main.py": orbitProgram(`print("${echoed}")`) })(mark)), pieceLength: 9 }),
        ],
        judgement: [judges({ statement: `Well done. ${echoed}` })],
      }),
    });
    github = await startGitHub({ repositories: [{ ...repository, folder: fixture("orbital-elements") }] });
    const environment = { ...anthropicAt(server), OPENAI_API_KEY: plainKey };
    const models = { model: "claude-sonnet-4-5-20250929", "fast-model": "claude-haiku-4-5-20251001" };
    const run = (inputs: ActionOptions["inputs"]) =>
      runAction({
        github,
        repository,
        event: { name: "workflow_dispatch" },
        inputs: { sandbox: "local", ...models, ...inputs },
        environment,
      });
    ended = await run({});
    billed = server.dollars;
    const asked = server.requests.length;
    frugal = await run({ "max-cost-usd": "0.002", "open-pull-request": "false", "fail-on": "not-verified" });
    expect(server.requests.length - asked).toBeLessThan(3);
  }, 120_000);
  afterAll(async () => {
    for (const each of [ended, frugal]) each?.[Symbol.dispose]();
    await github?.[Symbol.asyncDispose]();
    await server?.[Symbol.asyncDispose]();
  });

  it("has models write and judge, and tells what they cost as the provider bills it", async () => {
    expect(ended.status, ended.log).toBe(0);
    expect(
      exchangesWith(server)
        .slice(0, 4)
        .map(({ kind }) => kind),
    ).toEqual(["summary", "classification", "writing", "judgement"]);
    const result = ActionResult.parse(JSON.parse(ended.outputs.result ?? ""));
    expect(result.examples[0]?.checks.at(-1)).toMatchObject({ name: "reviewed", result: "passed" });
    expect(billed).toBeGreaterThan(0.01);
    expect(result.costUsd).toBeCloseTo(billed, 6);
    expect(ended.outputs["cost-usd"]).toBe(billed.toFixed(4));
    expect(ended.summary).toContain(`$${billed.toFixed(2)} for models`);
    expect(ended.log).toMatch(/models have cost \$0\.\d+ so far/);
    expect(ended.outputs["pull-request-number"]).toBe("1");
  });

  it("shows the keys nowhere, though models and the program repeat them", async () => {
    expectDiscreet(ended, github, [plantedKey, plainKey]);
    expectDiscreet(frugal, github, [plantedKey, plainKey]);
    for (const { received } of server.requests) expect(JSON.stringify(received?.body)).not.toContain(plainKey);
    const tree = await github.readTree("marit", "orbital-elements", "codedistiller/orbital-elements");
    for (const [path, { bytes }] of tree)
      expect([path, bytes.includes(plantedKey), bytes.includes(plainKey)]).toEqual([path, false, false]);
    expect(filesWith(ended.outputs["example-path"] ?? "", "are on hold").length).toBeGreaterThan(0);
  });

  it("spends no more than it may, and passes or fails as the workflow says", () => {
    expect(frugal.status, frugal.log).toBe(1);
    expect(frugal.outputs).toMatchObject({ verdict: "failed", "reason-code": "budget" });
    expect(Number(frugal.outputs["cost-usd"])).toBeLessThanOrEqual(0.002);
    expect(frugal.summary).toContain("(input `max-cost-usd`)");
    expect(frugal.annotations.map(({ level }) => level)).toEqual(["error"]);
  });
});
