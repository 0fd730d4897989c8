import { expect } from "vitest";
import type { EndedAction } from "./action-runner.ts";
import { filesWith } from "./command-line.ts";
import type { GitHubServer } from "./github-server.ts";

/** What holds of every run of the action: nothing of it goes on, nobody is told a secret, and GitHub was asked as it wants to be. */
export function expectDiscreet(ended: EndedAction, github: GitHubServer, secrets: readonly string[]): void {
  expect(ended.orphans).toEqual([]);
  expect(ended.postStatus).toBe(0);
  expect(github.violations).toEqual([]);
  // Neither what is not masked there, nor what hides nothing: a mask does not reach into outputs and files.
  const told = JSON.stringify([ended.log, ended.postLog, ended.rawSummary, ended.outputs, ended.state, ended.exported]);
  const asked = JSON.stringify(github.requests.map(({ path, requestBody }) => [path, requestBody]));
  for (const secret of secrets) {
    expect(ended.masks).toContain(secret);
    expect(told).not.toContain(secret);
    expect(asked).not.toContain(secret);
    expect([...filesWith(ended.temporary, secret), ...filesWith(ended.workspace, secret)]).toEqual([]);
  }
}
