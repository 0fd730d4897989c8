import { describe, expect, it } from "vitest";
import { createRunHost, describeGitEnvironment } from "../../src/adapters/run-host.ts";

const host = {
  environment: {
    PATH: "/bin",
    ANTHROPIC_API_KEY: "of-the-model",
    PRIVATE_KEY: "of-the-app",
    WEBHOOK_SECRET: "of-the-app",
    DATABASE_URL: "postgres://of-the-app",
    CODEDISTILLER_OPERATOR_TOKEN: "of-the-app",
    HTTPS_PROXY: "http://proxy:3128",
    GIT_SSH_COMMAND: "ssh -i of-the-operator",
    GIT_CONFIG_GLOBAL: "of-the-operator",
  },
  homeFolder: "/home/operator",
  workingFolder: "/",
  signal: new AbortController().signal,
};

describe("the host of the app's runs", () => {
  it("keeps what models need and none of the app's own secrets", () => {
    const { environment } = createRunHost(host);
    expect(environment.ANTHROPIC_API_KEY).toBe("of-the-model");
    expect(JSON.stringify(environment)).not.toContain("of-the-app");
  });

  it("gives git the way out of this network, and nothing of the operator's", () => {
    expect(describeGitEnvironment({ host, homeFolder: "/data/git-home" })).toEqual({
      PATH: "/bin",
      HTTPS_PROXY: "http://proxy:3128",
      HOME: "/data/git-home",
    });
  });
});
