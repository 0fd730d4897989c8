import { describe, expect, it } from "vitest";
import { createRunHost, describeCommandEnvironment, describeGitEnvironment } from "../../src/adapters/run-host.ts";

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

  it("gives a model's command no variable that nobody meant for it", () => {
    const given = {
      PATH: "/bin",
      HOME: "/home/operator",
      LANG: "C.UTF-8",
      LC_ALL: "C.UTF-8",
      TMPDIR: "/tmp",
      https_proxy: "http://proxy:3128",
      SSL_CERT_FILE: "/ca.pem",
      NODE_EXTRA_CA_CERTS: "/ca.pem",
      ITS_OWN_TOKEN: "meant for it",
    };
    const secrets = Object.fromEntries(
      "PGPASSWORD PGPASSFILE WEBHOOK_PROXY_URL MODAL_TOKEN_ID AWS_SECRET_ACCESS_KEY GITHUB_TOKEN OPENAI_API_KEY PRIVATE_KEY"
        .split(" ")
        .map((name) => [name, "secret"]),
    );
    const told = { host: { ...host, environment: { ...secrets, ...given } }, alsoPassed: ["ITS_OWN_TOKEN"] };
    expect(describeCommandEnvironment(told)).toEqual(given);
  });

  it("gives git the way out of this network, and nothing of the operator's", () => {
    expect(describeGitEnvironment({ host, homeFolder: "/data/git-home" })).toEqual({
      PATH: "/bin",
      HTTPS_PROXY: "http://proxy:3128",
      HOME: "/data/git-home",
    });
  });
});
