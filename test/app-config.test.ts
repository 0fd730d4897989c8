import { generateKeyPairSync } from "node:crypto";
import { describe, expect, it } from "vitest";
import { type AppConfig, type AppConfigSources, resolveAppConfig } from "../src/app-config.ts";
import { AppSettings } from "../src/app-settings.ts";
import { ConfigError } from "../src/errors.ts";

const privateKey = generateKeyPairSync("rsa", {
  modulusLength: 2048,
  privateKeyEncoding: { type: "pkcs1", format: "pem" },
  publicKeyEncoding: { type: "spki", format: "pem" },
}).privateKey;
const otherKey = generateKeyPairSync("ec", {
  namedCurve: "P-256",
  privateKeyEncoding: { type: "pkcs8", format: "pem" },
  publicKeyEncoding: { type: "spki", format: "pem" },
}).privateKey;
const lockedKey = generateKeyPairSync("rsa", {
  modulusLength: 2048,
  privateKeyEncoding: { type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: "x" },
  publicKeyEncoding: { type: "spki", format: "pem" },
}).privateKey;

const set = { APP_ID: "4711", PRIVATE_KEY: privateKey, WEBHOOK_SECRET: "0123456789abcdef" };

interface Given {
  environment?: Record<string, string | undefined>;
  file?: unknown;
  text?: string;
  files?: Record<string, string>;
}

function resolve({ environment = set, file, text, files = {} }: Given): Promise<AppConfig> {
  const written = text ?? (file === undefined ? null : JSON.stringify(file));
  const sources: AppConfigSources = {
    environment,
    file: written === null ? null : { name: "config.json", text: written },
    homeFolder: "/home/marit",
    readFile: async (path) => {
      const found = files[path];
      if (found === undefined) throw new Error(`ENOENT: ${path}`);
      return found;
    },
  };
  return resolveAppConfig(sources);
}

async function failureOf(given: Given): Promise<{ code: string; lines: string[]; message: string }> {
  try {
    await resolve(given);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return { code: error.code, message: error.userMessage, lines: error.userMessage.split("\n").slice(1) };
  }
  throw new Error("This was accepted.");
}

describe("resolveAppConfig", () => {
  it("needs three things, and has defaults for the rest", async () => {
    expect(await resolve({})).toMatchObject({
      appId: 4711,
      privateKey,
      webhookSecret: "0123456789abcdef",
      github: { host: null, protocol: "https" },
      databaseUrl: null,
      host: "127.0.0.1",
      port: 3000,
      publicUrl: null,
      dataFolder: "/home/marit/.local/share/codedistiller",
      operatorToken: null,
      webhookProxy: null,
      settings: AppSettings.parse({}),
      run: { model_str_code: "builtin/extract", max_cost_usd: 5 },
    });
  });

  it("takes what is given, by the names that Probot gives it", async () => {
    const environment = {
      ...set,
      GHE_HOST: "git.example.org:8443",
      GHE_PROTOCOL: "http",
      DATABASE_URL: "postgres://me:pass@db:5432/app",
      HOST: "0.0.0.0",
      PORT: "8080",
      PUBLIC_URL: "https://distill.example.org/",
      CODEDISTILLER_DATA: "~/data",
      CODEDISTILLER_OPERATOR_TOKEN: "a".repeat(16),
      WEBHOOK_PROXY_URL: "https://smee.io/abc",
      CODEDISTILLER_MAX_COST_USD: "2",
    };
    expect(await resolve({ environment })).toMatchObject({
      github: { host: "git.example.org:8443", protocol: "http" },
      databaseUrl: "postgres://me:pass@db:5432/app",
      host: "0.0.0.0",
      port: 8080,
      publicUrl: "https://distill.example.org",
      dataFolder: "/home/marit/data",
      operatorToken: "a".repeat(16),
      webhookProxy: "https://smee.io/abc",
      run: { max_cost_usd: 2 },
    });
  });

  it("takes an empty variable for one that is not set", async () => {
    const environment = { ...set, DATABASE_URL: "", PORT: " ", GHE_HOST: "" };
    expect(await resolve({ environment })).toMatchObject({ databaseUrl: null, port: 3000, github: { host: null } });
  });

  it.each<[string, string]>([
    ["as it is", privateKey],
    ["with \\n for line ends", privateKey.replaceAll("\n", "\\n")],
    ["with other line ends", privateKey.replaceAll("\n", "\r\n")],
    ["in one line", privateKey.replaceAll("\n", " ")],
    ["in quotes", `"${privateKey}"`],
    ["in base64", Buffer.from(privateKey).toString("base64")],
  ])("reads a private key that is written %s", async (_, written) => {
    expect((await resolve({ environment: { ...set, PRIVATE_KEY: written } })).privateKey).toBe(privateKey);
  });

  it("reads a private key from a file, unless its text is given", async () => {
    const environment = { ...set, PRIVATE_KEY: undefined, PRIVATE_KEY_PATH: "/run/secrets/key.pem" };
    const files = { "/run/secrets/key.pem": privateKey };
    expect((await resolve({ environment, files })).privateKey).toBe(privateKey);
    expect((await resolve({ environment: { ...set, PRIVATE_KEY_PATH: "/nowhere" } })).privateKey).toBe(privateKey);
    expect((await failureOf({ environment })).lines).toEqual([
      "- PRIVATE_KEY_PATH names a file that cannot be read. Check the path and who may read it.",
    ]);
  });

  it("takes the run's keys and the app's from one file", async () => {
    const file = {
      $schema: "x",
      max_cost_usd: 1,
      app: { label: "example", allow_accounts: ["uni"], pull_request_for: "partial" },
    };
    const { run, settings } = await resolve({ file });
    expect(run).toMatchObject({ max_cost_usd: 1 });
    expect(settings).toEqual({
      ...AppSettings.parse({}),
      label: "example",
      allow_accounts: ["uni"],
      pull_request_for: "partial",
    });
  });
});

describe("what keeps the app from starting", () => {
  it("is told in one list, with where to get it", async () => {
    const { code, message } = await failureOf({ environment: {} });
    expect(code).toBe("app-not-set-up");
    expect(message).toBe(
      [
        "The app cannot start: 3 things are missing or wrong.",
        "- APP_ID is not set. It is the App ID on the settings page of your GitHub App, under About.",
        "- PRIVATE_KEY is not set, nor is PRIVATE_KEY_PATH. Generate a private key on the settings page of your GitHub App and give the .pem file's text, or its path.",
        "- WEBHOOK_SECRET is not set. It is what you enter as webhook secret on the settings page of your GitHub App. Make one with: openssl rand -hex 32",
      ].join("\n"),
    );
  });

  it("holds what is wrong in every source", async () => {
    const environment = { APP_ID: "x", PRIVATE_KEY: privateKey, PORT: "70000", WEBHOOK_SECRET: "development" };
    const file = { max_cost_usd: "much", app: { lable: "x", max_runs_per_process: 0, pull_request_for: "all" } };
    const { code, lines } = await failureOf({ environment, file });
    expect(code).toBe("app-config");
    expect(lines).toEqual([
      expect.stringMatching(/^- APP_ID is not a number/),
      expect.stringMatching(/^- WEBHOOK_SECRET is "development", which everybody knows/),
      expect.stringMatching(/^- PORT is not a number from 0 to 65535/),
      expect.stringMatching(/^- config\.json: max_cost_usd: /),
      expect.stringMatching(/^- config\.json: app\.max_runs_per_process: /),
      expect.stringMatching(/^- config\.json: app\.pull_request_for: /),
      '- config.json: app: unknown key "lable". Did you mean "label"?',
    ]);
  });

  it.each<[string, Record<string, string>]>([
    ["APP_ID", { APP_ID: "0" }],
    ["APP_ID", { APP_ID: "Iv1.abc" }],
    ["PRIVATE_KEY", { PRIVATE_KEY: "topsecret topsecret" }],
    ["PRIVATE_KEY", { PRIVATE_KEY: "dG9wc2VjcmV0" }],
    ["PRIVATE_KEY", { PRIVATE_KEY: privateKey.slice(0, 400) }],
    ["PRIVATE_KEY", { PRIVATE_KEY: otherKey }],
    ["PRIVATE_KEY", { PRIVATE_KEY: lockedKey }],
    ["WEBHOOK_SECRET", { WEBHOOK_SECRET: "topsecret" }],
    ["GHE_HOST", { GHE_HOST: "https://git.example.org/topsecret" }],
    ["GHE_PROTOCOL", { GHE_PROTOCOL: "topsecret" }],
    ["DATABASE_URL", { DATABASE_URL: "mysql://me:topsecret@db/app" }],
    ["DATABASE_URL", { DATABASE_URL: "topsecret" }],
    ["HOST", { HOST: "top secret" }],
    ["PORT", { PORT: "topsecret" }],
    ["PORT", { PORT: "65536" }],
    ["PUBLIC_URL", { PUBLIC_URL: "https://me:topsecret@example.org" }],
    ["PUBLIC_URL", { PUBLIC_URL: "ftp://example.org" }],
    ["CODEDISTILLER_OPERATOR_TOKEN", { CODEDISTILLER_OPERATOR_TOKEN: "topsecret" }],
    ["WEBHOOK_PROXY_URL", { WEBHOOK_PROXY_URL: "topsecret" }],
  ])("is named, and no value of it is repeated: %s", async (name, environment) => {
    const { lines, message } = await failureOf({ environment: { ...set, ...environment } });
    expect(lines).toHaveLength(1);
    expect(lines[0]?.startsWith(`- ${name} `)).toBe(true);
    expect(message).not.toMatch(/topsecret|dG9wc2VjcmV0|BEGIN/);
    for (const value of Object.values(environment))
      if (value.length > 60) expect(message).not.toContain(value.slice(30, 60));
  });

  it("is a file that is no configuration", async () => {
    expect((await failureOf({ text: "{" })).lines[0]).toMatch(/^- config\.json is not valid JSON/);
    expect((await failureOf({ text: "[]" })).lines[0]).toMatch(/^- config\.json/);
    expect((await failureOf({ file: { app: [] } })).lines[0]).toMatch(/^- config\.json: app: /);
    expect((await failureOf({ file: { app: { zzzzzzzzzzzzzzzzzzzzzzzzzzzzzz: 1 } } })).lines[0]).toMatch(
      /Known keys: label, /,
    );
    expect((await failureOf({ file: { sandbx: "local" } })).lines[0]).toMatch(/Did you mean "sandbox"/);
  });
});
