import { describe, expect, it } from "vitest";
import { AppSettings } from "../../src/app-settings.ts";
import type { Permission } from "../../src/github/read-permission.ts";
import { type AuthorizeOptions, authorize, refuseInstallation } from "../../src/handlers/authorize.ts";
import { parseRepositoryConfig } from "../../src/handlers/repository-config.ts";

interface Given {
  login?: string;
  type?: string;
  account?: string;
  suspended?: boolean;
  settings?: Record<string, unknown>;
  file?: string;
  permission?: Permission | Error;
}

const never = new Error("The permission was asked for.");

function optionsOf({
  login = "Marit",
  type = "User",
  account = "Uni",
  suspended = false,
  settings = {},
  file,
  permission = "write",
}: Given): AuthorizeOptions {
  return {
    sender: { login, type },
    repository: "uni/orbits",
    installation: { account, suspended },
    settings: AppSettings.parse(settings),
    repositoryConfig: file === undefined ? null : parseRepositoryConfig(file),
    readPermission: async () => {
      if (permission instanceof Error) throw permission;
      return permission;
    },
  };
}
const reasonOf = async (given: Given): Promise<string> => {
  const answer = await authorize(optionsOf(given));
  return answer.allowed ? "allowed" : answer.reasonCode;
};

describe("authorize", () => {
  it.each([
    ["admin", "allowed"],
    ["maintain", "allowed"],
    ["write", "allowed"],
    ["triage", "no-write-permission"],
    ["read", "no-write-permission"],
    ["none", "no-write-permission"],
  ] as const)("answers somebody with the permission %s: %s", async (permission, reason) =>
    expect(await reasonOf({ permission })).toBe(reason),
  );

  it("takes a permission that GitHub did not tell for nobody's", async () => {
    await expect(authorize(optionsOf({ permission: new Error("502") }))).rejects.toThrow("502");
  });

  it.each<[string, Given]>([
    ["installation-suspended", { suspended: true }],
    ["account-denied", { settings: { deny_accounts: ["uni"] } }],
    ["account-denied", { settings: { deny_accounts: ["uni"], allow_accounts: ["uni"] } }],
    ["account-not-allowed", { settings: { allow_accounts: ["other"] } }],
    ["account-not-allowed", { settings: { allow_accounts: [] } }],
    ["user-denied", { settings: { deny_users: ["MARIT"] } }],
    ["user-denied", { settings: { deny_users: ["marit"], allow_users: ["marit"] } }],
    ["user-denied", { file: "deny_users: [marit]" }],
    ["user-not-allowed", { settings: { allow_users: ["kari"] } }],
    ["user-not-allowed", { file: "allow_users: []" }],
    ["user-not-allowed", { settings: { allow_users: ["marit"] }, file: "allow_users: [kari]" }],
    ["bot-refused", { login: "dependabot[bot]", type: "Bot" }],
    ["bot-refused", { login: "dependabot[bot]", type: "User" }],
    ["bot-refused", { login: "ghost", type: "Mannequin" }],
    [
      "bot-refused",
      { login: "dependabot[bot]", type: "Bot", settings: { allow_bots: ["dependabot", "Dependabot[bot]"] } },
    ],
    ["repository-disabled", { file: "enabled: false" }],
  ])("refuses by %s before GitHub is asked: %j", async (reason, given) =>
    expect(await reasonOf({ permission: never, ...given })).toBe(reason),
  );

  it("names the first reason only", async () => {
    const all = {
      suspended: true,
      login: "x[bot]",
      type: "Bot",
      settings: { deny_accounts: ["uni"], deny_users: ["x[bot]"] },
      file: "enabled: false",
    };
    expect(await reasonOf(all)).toBe("installation-suspended");
    expect(await reasonOf({ ...all, suspended: false })).toBe("account-denied");
    expect(await reasonOf({ ...all, suspended: false, settings: { deny_users: ["x[bot]"] } })).toBe("user-denied");
    expect(await reasonOf({ ...all, suspended: false, settings: {} })).toBe("bot-refused");
    expect(await reasonOf({ ...all, suspended: false, settings: { allow_bots: ["x[bot]"] } })).toBe(
      "repository-disabled",
    );
  });

  it("asks GitHub for the permission of people on a list, and for none of a bot's", async () => {
    const bot = {
      login: "release[bot]",
      type: "Bot",
      settings: { allow_bots: ["release[bot]"], allow_users: ["marit"] },
    };
    expect(await reasonOf({ ...bot, permission: "none" })).toBe("allowed");
    expect(await reasonOf({ ...bot, permission: "write" })).toBe("allowed");
    expect(
      await reasonOf({ settings: { allow_users: ["MARIT"] }, file: "allow_users: [marit]", permission: "read" }),
    ).toBe("no-write-permission");
    expect(await reasonOf({ settings: { allow_users: ["MARIT"] }, file: "allow_users: [marit]" })).toBe("allowed");
  });

  it("says in one sentence why", async () => {
    const answer = await authorize(optionsOf({ permission: "read" }));
    expect(answer).toEqual({
      allowed: false,
      reasonCode: "no-write-permission",
      sentence: "Only people with write permission to uni/orbits may ask for this.",
    });
  });
});

describe("refuseInstallation", () => {
  it("decides where nobody asked", () => {
    expect(refuseInstallation(optionsOf({}))).toBeNull();
    expect(refuseInstallation(optionsOf({ account: "UNI", settings: { allow_accounts: ["uni"] } }))).toBeNull();
    expect(refuseInstallation(optionsOf({ settings: { deny_accounts: ["uni"] } }))).toMatchObject({ allowed: false });
  });
});
