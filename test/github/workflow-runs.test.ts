import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { cancelWorkflowRun, rerunWorkflowRun, type WorkflowRunOptions } from "../../src/github/workflow-runs.ts";
import type { WorkflowPermissions } from "../support/github-server.ts";
import { type Connection, clientOf, connect } from "./connect.ts";

const at = { owner: "acme", name: "orbits" };
let connection: Connection;

beforeEach(async () => {
  connection = await connect({ repositories: [{ ...at, files: { a: "1" } }] });
});

afterEach(async () => {
  const { violations } = connection.server;
  await connection[Symbol.asyncDispose]();
  expect(violations).toEqual([]);
});

function run(runId: number, permissions: WorkflowPermissions = { actions: "write" }): WorkflowRunOptions {
  const { server } = connection;
  const github = clientOf(server, server.workflowToken({ repository: at, permissions }));
  return { github, repository: { owner: "acme", repo: "orbits" }, runId };
}
const refused = (pattern: RegExp) => ({ kind: "refused", explanation: expect.stringMatching(pattern) });

describe("cancelWorkflowRun", () => {
  it("cancels one that runs, once", async () => {
    const kept = connection.server.addWorkflowRun({ ...at, id: 7, status: "in_progress" });
    expect(await cancelWorkflowRun(run(7))).toEqual({ kind: "done" });
    expect(kept).toMatchObject({ cancelled: 1, conclusion: "cancelled" });
    expect(await cancelWorkflowRun(run(7))).toEqual(refused(/cannot be cancelled: it has ended already\.$/));
    expect(kept.cancelled).toBe(1);
  });

  it("says which permission to grant", async () => {
    const kept = connection.server.addWorkflowRun({ ...at, id: 7, status: "in_progress" });
    expect(await cancelWorkflowRun(run(7, { actions: "read" }))).toEqual(refused(/: grant `actions: write`/));
    expect(kept.cancelled).toBe(0);
  });

  it("says that there is none", async () => {
    expect(await cancelWorkflowRun(run(8))).toEqual(refused(/it is gone/));
  });
});

describe("rerunWorkflowRun", () => {
  it("starts one again that has ended", async () => {
    const kept = connection.server.addWorkflowRun({ ...at, id: 7, status: "completed" });
    expect(await rerunWorkflowRun(run(7))).toEqual({ kind: "done" });
    expect(kept.rerun).toBe(1);
  });

  it("says in GitHub's words that it still runs, not that a permission is missing", async () => {
    connection.server.addWorkflowRun({ ...at, id: 7, status: "in_progress" });
    expect(await rerunWorkflowRun(run(7))).toEqual(
      refused(/cannot be started again: GitHub says "This workflow is al/),
    );
  });

  it("says which permission to grant", async () => {
    connection.server.addWorkflowRun({ ...at, id: 7, status: "completed" });
    expect(await rerunWorkflowRun(run(7, {}))).toEqual(refused(/: grant `actions: write`/));
  });

  it("is tried again later where GitHub cannot be reached", async () => {
    connection.server.fail({ method: "POST", path: /\/rerun$/, status: 503 });
    await expect(rerunWorkflowRun(run(7))).rejects.toMatchObject({ code: "github-unavailable", retryable: true });
  });
});
