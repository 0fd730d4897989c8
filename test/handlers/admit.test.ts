import { afterEach, describe, expect, it } from "vitest";
import { type AdmitOptions, admit } from "../../src/handlers/admit.ts";
import { type Connection, clientOf, connect } from "../github/connect.ts";

const at = { owner: "acme", name: "orbits" };
const configFile = ".github/codedistiller.yml";
let connection: Connection;
let options: AdmitOptions;

afterEach(async () => {
  const { violations } = connection.server;
  await connection[Symbol.asyncDispose]();
  expect(violations).toEqual([]);
});

async function start(files: Record<string, string> = {}): Promise<void> {
  connection = await connect({
    users: [{ login: "maintainer" }, { login: "stranger" }],
    repositories: [{ ...at, collaborators: { maintainer: "write" }, files: { "a.py": "1\n", ...files } }],
  });
  const { server } = connection;
  const { body } = await server.call({ path: "/repos/acme/orbits" });
  options = {
    // As a workflow would ask, which has neither a store nor an installation.
    github: clientOf(server, server.workflowToken({ repository: at, permissions: { contents: "read" } })),
    repositoryId: (body as { id: number }).id,
    installation: null,
    settings: { allow_accounts: null, deny_accounts: [], allow_users: null, deny_users: [], allow_bots: [] },
    sender: { login: "maintainer", type: "User" },
  };
}

describe("admit", () => {
  it("admits who may write, with the repository's configuration", async () => {
    await start({ [configFile]: "focus: orbits\n" });
    expect(await admit(options)).toMatchObject({
      kind: "admitted",
      repository: { fullName: "acme/orbits" },
      repositoryConfig: { focus: "orbits" },
    });
  });

  it("refuses who may not, by GitHub's word and by the repository's", async () => {
    await start({ [configFile]: "deny_users: [maintainer]\n" });
    expect(await admit({ ...options, sender: { login: "stranger", type: "User" } })).toMatchObject({
      kind: "refused",
      reasonCode: "no-write-permission",
    });
    expect(await admit(options)).toMatchObject({ kind: "refused", reasonCode: "user-denied" });
  });

  it("refuses bots that nobody allowed, such as the workflow itself", async () => {
    await start();
    const sender = { login: "github-actions[bot]", type: "Bot" };
    expect(await admit({ ...options, sender })).toMatchObject({ kind: "refused", reasonCode: "bot-refused" });
  });

  it("refuses accounts as the operator says, by the installation's or else the repository's own", async () => {
    await start();
    const settings = { ...options.settings, deny_accounts: ["acme"] };
    expect(await admit({ ...options, settings })).toMatchObject({ reasonCode: "account-denied" });
    const installation = { account: "former-name", suspended: false };
    expect(await admit({ ...options, settings, installation })).toMatchObject({ kind: "admitted" });
    expect(await admit({ ...options, installation: { ...installation, suspended: true } })).toMatchObject({
      reasonCode: "installation-suspended",
    });
  });

  it("tells who may what is wrong with the repository's configuration", async () => {
    await start({ [configFile]: "enabeld: false\n" });
    expect(await admit(options)).toMatchObject({ kind: "misconfigured", problem: expect.stringContaining("enabeld") });
  });

  it("says that the repository is gone", async () => {
    await start();
    expect(await admit({ ...options, repositoryId: 999_999 })).toEqual({ kind: "gone" });
  });
});
