import { createServer } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { appEnvironment, endOfRun, eventually, operatorToken, readRuns } from "../support/app-under-test.ts";
import { CommandLine, type EndedCommand, filesWith, fixture } from "../support/command-line.ts";
import { copyEmbeddedTemplate } from "../support/embedded-template.ts";
import { findFreePort } from "../support/find-free-port.ts";
import { type GitHubServer, startGitHub } from "../support/github-server.ts";
import { type ServedApp, serveApp } from "../support/served-app.ts";

const at = { owner: "ada", name: "orbits" };

describe("codedistiller serve", () => {
  const commandLine = new CommandLine();
  let github: GitHubServer;
  beforeAll(async () => {
    github = await startGitHub({
      repositories: [{ ...at, folder: fixture("orbital-elements"), issues: [{ title: "An example, please" }] }],
    });
  });
  afterAll(async () => {
    commandLine[Symbol.dispose]();
    await github?.[Symbol.asyncDispose]();
  });
  const environmentOf = (name: string, changes: Record<string, string> = {}): Record<string, string> =>
    appEnvironment({ github, folder: commandLine.path(name), port: 0, environment: changes });
  const serve = (environment: Record<string, string>, ...flags: string[]): Promise<EndedCommand> =>
    commandLine.run(["serve", ...flags], { environment });

  describe("before it serves", () => {
    it("lists everything that is missing, and says how to have GitHub make an app", async () => {
      const { status, stdout, stderr } = await serve({});
      expect(status).toBe(2);
      expect(stdout).toBe("");
      expect(stderr).toMatch(/^codedistiller: The app cannot start: 3 things are missing or wrong\.\n/);
      for (const name of ["APP_ID", "PRIVATE_KEY", "WEBHOOK_SECRET"]) expect(stderr).toContain(`- ${name} is not set`);
      expect(stderr).toContain("codedistiller serve --setup");
      expect(stderr).not.toContain("    at ");
    });

    it("refuses a secret that can be guessed, without repeating it", async () => {
      for (const [secret, said] of [
        ["development", "which everybody knows"],
        ["0123456789abcde", "fewer than 16 characters"],
      ] as const) {
        const { status, stderr } = await serve(environmentOf("weak", { WEBHOOK_SECRET: secret }));
        expect(status).toBe(2);
        expect(stderr).toContain(said);
        expect(stderr).toContain("openssl rand -hex 32");
        expect(stderr).not.toContain("0123456789abcde");
        expect(stderr).not.toContain("--setup");
      }
    });

    it("says with --check that all is there, and begins nothing", async () => {
      const { status, stdout, stderr } = await serve(environmentOf("checked"), "--check");
      expect([status, stdout, stderr]).toEqual([0, "The configuration can be used.\n", ""]);
      expect(github.requests).toEqual([]);
    });

    it("says with --check what is missing", async () => {
      const { status, stderr } = await serve(environmentOf("checked", { PRIVATE_KEY: "x", PORT: "many" }), "--check");
      expect(status).toBe(2);
      expect(stderr).toContain("- PRIVATE_KEY is no private key");
      expect(stderr).toContain("- PORT is not a number");
    });

    it("says that its port is in use, and which to change", async () => {
      const port = await findFreePort();
      const other = createServer();
      await new Promise<void>((resolve) => other.listen(port, "127.0.0.1", resolve));
      try {
        await copyEmbeddedTemplate(commandLine.path("taken", "data"));
        const { status, stderr } = await serve(environmentOf("taken", { PORT: String(port) }));
        expect(stderr).toBe(`codedistiller: 127.0.0.1:${port} is in use. Set PORT to a free port.\n`);
        expect(status).toBe(2);
      } finally {
        other.close();
      }
    });
  });

  describe("while it serves", () => {
    let app: ServedApp;
    const get = (path: string, token?: string): Promise<Response> =>
      fetch(`${app.address}${path}`, token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } });
    beforeAll(async () => {
      await copyEmbeddedTemplate(commandLine.path("app", "data"));
      app = await serveApp({ commandLine, github, name: "app", environment: { LOG_LEVEL: "trace" } });
    });

    it("refuses a webhook that GitHub did not sign, and does nothing", async () => {
      github.deliverTo(app.webhooks);
      const { payload, id } = await github.comment({ ...at, issue: 1, user: "ada", body: "no command" });
      const forged = JSON.stringify({ ...payload, comment: { ...(payload.comment as object), body: "/distill" } });
      const headers = {
        "content-type": "application/json",
        "x-github-event": "issue_comment",
        "x-github-delivery": id,
      };
      for (const signature of [undefined, "sha256=00", `sha256=${"0".repeat(64)}`, "sha1=00"]) {
        const signed = signature === undefined ? {} : { "x-hub-signature-256": signature };
        const { status } = await fetch(app.webhooks, {
          method: "POST",
          headers: { ...headers, ...signed },
          body: forged,
        });
        expect([400, 401]).toContain(status);
      }
      expect(await readRuns(app)).toEqual([]);
      expect(github.requests).toEqual([]);
    });

    it("has its pages behind the real server, and shows the operator's to the operator alone", async () => {
      await github.comment({ ...at, issue: 1, user: "ada", body: "/distill" });
      const run = await endOfRun(app);
      expect(run.ending?.outcome).toBe("verified");
      const statuses = await Promise.all(
        [
          "/",
          "/healthz",
          "/readyz",
          `/runs/${run.id}`,
          `/runs/${run.id}/report`,
          "/metrics",
          "/runs.json",
          "/none",
        ].map(async (path) => [path.replace(run.id, "<id>"), (await get(path)).status]),
      );
      expect(Object.fromEntries(statuses)).toEqual({
        "/": 200,
        "/healthz": 200,
        "/readyz": 200,
        "/runs/<id>": 200,
        "/runs/<id>/report": 200,
        "/metrics": 401,
        "/runs.json": 401,
        "/none": 404,
      });
      expect(await (await get("/")).text()).toContain("Install it from GitHub");
      expect((await get("/metrics", "a wrong token")).status).toBe(401);
      expect(await (await get("/runs")).text()).not.toContain(run.id);
      const metrics = await (await get("/metrics", operatorToken)).text();
      expect(metrics).toContain('codedistiller_webhooks_total{event="issue_comment",result="queued"} 1');
      expect(metrics).toContain('codedistiller_runs_ended_total{outcome="verified"} 1');
    });

    it("has none of its secrets in a log, on a page, or in a file of a run", async () => {
      const { privateKey, webhookSecret } = github.appCredentials;
      const tokens = github.requests
        .filter(({ path }) => path.endsWith("/access_tokens"))
        .map(({ responseBody }) => (responseBody as { token: string }).token);
      expect(tokens.length).toBeGreaterThan(0);
      const key = privateKey.split("\n")[1] ?? "";
      const secrets: Record<string, string> = {
        webhookSecret,
        operatorToken,
        key,
        ...Object.fromEntries(tokens.entries()),
      };
      const [run] = await readRuns(app);
      const pages = ["/", "/runs", `/runs/${run?.id}`, `/runs/${run?.id}/report`, "/metrics", "/runs.json"];
      const texts = await Promise.all(pages.map(async (path) => (await get(path, operatorToken)).text()));
      for (const [name, secret] of Object.entries(secrets)) {
        expect(app.output().includes(secret), `${name} in the log`).toBe(false);
        expect(
          texts.some((text) => text.includes(secret)),
          `${name} on a page`,
        ).toBe(false);
        expect(filesWith(app.folder, secret), `${name} in a file`).toEqual([]);
      }
    });

    it("ends at Ctrl+C", async () => {
      await eventually("nothing to do", async () => (await readRuns(app)).every(({ status }) => status === "finished"));
      app.signal("SIGINT");
      const { status, stderr } = await app.ended;
      expect(status).toBe(0);
      expect(stderr).not.toContain("    at ");
      expect(app.output()).toContain('"msg":"stopped"');
      expect(github.violations).toEqual([]);
    });
  });
});
