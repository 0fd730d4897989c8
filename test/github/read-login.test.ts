import { afterEach, beforeEach, expect, it } from "vitest";
import { readLogin } from "../../src/github/read-login.ts";
import { type Connection, clientOf, connect, workflowLogin } from "./connect.ts";

const at = { owner: "acme", name: "orbits" };
let connection: Connection;

beforeEach(async () => {
  connection = await connect({ users: [{ login: "maintainer" }], repositories: [{ ...at, files: { a: "1" } }] });
});

afterEach(async () => {
  const { violations } = connection.server;
  await connection[Symbol.asyncDispose]();
  expect(violations).toEqual([]);
});

it("tells a workflow's token, an app's and a person's by the login that each writes as", async () => {
  const { server, github } = connection;
  const workflow = clientOf(server, server.workflowToken({ repository: at, permissions: {} }));
  expect(await readLogin({ github: workflow })).toBe(workflowLogin);
  expect(await readLogin({ github })).toBe(server.appLogin);
  expect(await readLogin({ github: clientOf(server, server.userToken("maintainer")) })).toBe("maintainer");
});

it("says that a token is none", async () => {
  const github = clientOf(connection.server, "");
  await expect(readLogin({ github })).rejects.toMatchObject({ code: "github-forbidden", retryable: false });
});

it("says in GitHub's words what was refused with status 200", async () => {
  const { server, github } = connection;
  const errors = [{ message: "Something\nwent wrong", type: "FORBIDDEN" }];
  server.fail({ method: "POST", path: /\/graphql$/, status: 200, body: { data: null, errors } });
  await expect(readLogin({ github })).rejects.toMatchObject({
    code: "github-forbidden",
    userMessage: 'Reading whose token it is failed: GitHub says "Something went wrong". Check the token.',
  });
});

it("takes no answer without a login", async () => {
  const { server, github } = connection;
  server.fail({ method: "POST", path: /\/graphql$/, status: 200, body: { data: { viewer: null } } });
  await expect(readLogin({ github })).rejects.toMatchObject({ code: "github-unexpected" });
});
