import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { isPullRequestEvent, readWorkflow } from "../../src/action/read-workflow.ts";

const variables = {
  GITHUB_REPOSITORY: "marit/raindrops",
  GITHUB_EVENT_NAME: "push",
  GITHUB_REF: "refs/heads/main",
  GITHUB_SHA: "8739c740a027a6bb8b5a9c46a4387a9d4f0e015b",
  GITHUB_RUN_ID: "4711",
  GITHUB_SERVER_URL: "https://github.com",
  GITHUB_API_URL: "https://api.github.com",
  GITHUB_WORKSPACE: "/work",
  RUNNER_TEMP: "/temp",
};

describe("the workflow that the action is a step of", () => {
  it("is read from the runner's variables, on a server of one's own as well", async () => {
    const server = {
      GITHUB_SERVER_URL: "https://git.example:8443/",
      GITHUB_API_URL: "https://git.example:8443/api/v3/",
    };
    expect(await readWorkflow({ ...variables, ...server })).toEqual({
      repository: { owner: "marit", repo: "raindrops" },
      eventName: "push",
      payload: null,
      ref: "refs/heads/main",
      sha: variables.GITHUB_SHA,
      runId: 4711,
      runUrl: "https://git.example:8443/marit/raindrops/actions/runs/4711",
      apiUrl: "https://git.example:8443/api/v3",
      serverHost: "git.example:8443",
      workspace: "/work",
      temporaryFolder: "/temp",
    });
  });

  it("is none on a machine of one's own, which is told by what is missing", async () => {
    await expect(readWorkflow({ HOME: "/home/marit" })).rejects.toMatchObject({
      code: "not-in-a-workflow",
      userMessage: expect.stringMatching(/GITHUB_REPOSITORY, .*RUNNER_TEMP.* codedistiller distill <repository>\./),
    });
    const { GITHUB_SHA: _, ...without } = variables;
    await expect(readWorkflow(without)).rejects.toMatchObject({
      userMessage: expect.stringContaining("which sets GITHUB_SHA. "),
    });
  });

  it("has no payload where its file is missing or is no JSON", async () => {
    const folder = mkdtempSync(join(tmpdir(), "codedistiller-event-"));
    try {
      const [good, bad] = [join(folder, "good.json"), join(folder, "bad.json")];
      writeFileSync(good, '{"action":"opened"}');
      writeFileSync(bad, "[".repeat(100_000));
      const payloadAt = async (path: string) => (await readWorkflow({ ...variables, GITHUB_EVENT_PATH: path })).payload;
      expect(await payloadAt(good)).toEqual({ action: "opened" });
      expect(await payloadAt(bad)).toBeNull();
      expect(await payloadAt(join(folder, "none.json"))).toBeNull();
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it.each([
    ["pull_request", true],
    ["pull_request_target", true],
    ["pull_request_review", true],
    ["pull_request_review_comment", true],
    ["push", false],
    ["workflow_run", false],
    ["issue_comment", false],
  ])("runs for a pull request or not: %s", (eventName, expected) => {
    expect(isPullRequestEvent({ eventName })).toBe(expected);
  });
});
