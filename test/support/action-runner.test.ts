import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseCommand } from "./action-runner/parse-command.ts";
import { readEnvironmentFile } from "./action-runner/read-environment-file.ts";
import { type ActionOptions, runAction } from "./action-runner.ts";
import { type GitHubServer, startGitHub } from "./github-server.ts";

const repository = { owner: "ada", name: "peaks" };
const folder = mkdtempSync(join(tmpdir(), "codedistiller-test-action-"));
const actionFile = `
name: Told
inputs:
  what to say:
    description: Words
    default: hello
  github-token:
    description: Token
    default: \${{ github.token }}
  empty:
    description: Nothing
runs:
  using: node24
  main: main.mjs
  post: post.mjs
`;
let github: GitHubServer;

beforeAll(async () => {
  github = await startGitHub({
    users: [{ login: "grace" }],
    repositories: [{ ...repository, files: { "a.py": "1\n" } }],
  });
});

afterAll(async () => {
  rmSync(folder, { recursive: true });
  await github[Symbol.asyncDispose]();
});

const printEnvironment = "console.log('After', JSON.stringify(process.env), process.cwd());";

/** Runs an action with this program; the post step prints its environment where none is given. */
function run(program: string, options: Partial<ActionOptions> & { post?: string } = {}) {
  const { post = printEnvironment, ...more } = options;
  const own = mkdtempSync(join(folder, "action-"));
  writeFileSync(join(own, "action.yml"), actionFile);
  writeFileSync(join(own, "main.mjs"), `import { appendFileSync } from "node:fs";\n${program}`);
  writeFileSync(join(own, "post.mjs"), post);
  return runAction({ github, repository, event: { name: "workflow_dispatch" }, action: own, ...more });
}

function environmentOf(log: string): Record<string, string> {
  return JSON.parse(/After (\{.*\})/.exec(log)?.[1] ?? "{}") as Record<string, string>;
}

describe("a step", () => {
  it("is given inputs with their defaults, the runner's variables, and nothing of this process", async () => {
    process.env.CODEDISTILLER_OF_THE_TEST = "seen";
    using ended = await run(printEnvironment, {
      inputs: { empty: "  kept " },
      environment: { ANTHROPIC_API_KEY: "a-key" },
      event: { name: "release", actor: "grace", ref: "refs/tags/v1" },
      token: "ghs_of_the_job",
      workspace: { "docs/a.md": "# A" },
      runId: 77,
    });
    delete process.env.CODEDISTILLER_OF_THE_TEST;
    const seen = environmentOf(ended.raw);
    expect(seen).toMatchObject({
      INPUT_WHAT_TO_SAY: "hello",
      "INPUT_GITHUB-TOKEN": "ghs_of_the_job",
      INPUT_EMPTY: "  kept ",
      ANTHROPIC_API_KEY: "a-key",
      CI: "true",
      GITHUB_ACTIONS: "true",
      GITHUB_ACTOR: "grace",
      GITHUB_API_URL: github.apiUrl,
      GITHUB_GRAPHQL_URL: `${github.apiUrl}/graphql`,
      GITHUB_EVENT_NAME: "release",
      GITHUB_REPOSITORY: "ada/peaks",
      GITHUB_REPOSITORY_OWNER: "ada",
      GITHUB_REF: "refs/tags/v1",
      GITHUB_REF_NAME: "v1",
      GITHUB_REF_TYPE: "tag",
      GITHUB_RUN_ID: "77",
      GITHUB_SHA: await github.branchHead({ ...repository, branch: "main" }),
      GITHUB_WORKSPACE: ended.workspace,
      GIT_SSL_CAINFO: github.certificateFile,
      RUNNER_OS: "Linux",
      RUNNER_TEMP: ended.temporary,
    });
    expect(ended.raw).toContain(`} ${ended.workspace}\n`);
    expect(readFileSync(join(ended.workspace, "docs/a.md"), "utf8")).toBe("# A");
    expect(Object.keys(seen).filter((name) => seen[name]?.includes("ghs_of_the_job"))).toEqual(["INPUT_GITHUB-TOKEN"]);
    expect(seen.CODEDISTILLER_OF_THE_TEST).toBeUndefined();
    expect(ended.log).not.toContain("ghs_of_the_job");
    const event = JSON.parse(readFileSync(seen.GITHUB_EVENT_PATH ?? "", "utf8"));
    expect(event).toMatchObject({ repository: { full_name: "ada/peaks" }, sender: { login: "grace", type: "User" } });
    expect(seen.GITHUB_REPOSITORY_ID).toBe(String(event.repository.id));
  });

  it("says by files what it found, and by lines what a reader is to see", async () => {
    using ended = await run(`
      console.error("::warning::From the other stream");
      await new Promise((resolve) => setTimeout(resolve, 200));
      const put = (name, text) => appendFileSync(process.env[name], text);
      put("GITHUB_OUTPUT", "verdict=verified\\nresult<<END-1\\n{\\n  \\"a=b\\": 1\\n}\\nEND-1\\n");
      put("GITHUB_STEP_SUMMARY", "# Done with a-secret\\n");
      put("GITHUB_ENV", "LATER=yes\\n");
      put("GITHUB_PATH", "/opt/first\\n/opt/second\\n");
      console.log("a-secret before its mask");
      console.log("::add-mask::a-secret");
      console.log("::group::Clone");
      console.log("with a-secret in it");
      console.log("::endgroup::");
      console.log("  ::error title=Not%3A verified,file=a.py::One%0Atwo a-secret");
      console.log("##[debug]Hidden");
      console.log("::stop-commands::pause-1");
      console.log("::error::Only text");
      console.log("::pause-1::");
      console.log("::notice::Last");
    `);
    expect(ended.outputs).toEqual({ verdict: "verified", result: '{\n  "a=b": 1\n}' });
    expect(ended).toMatchObject({ status: 0, postStatus: 0, masks: ["a-secret"], exported: { LATER: "yes" } });
    expect([ended.summary, ended.rawSummary]).toEqual(["# Done with ***\n", "# Done with a-secret\n"]);
    expect(ended.groups).toEqual([{ name: "Clone", lines: ["with *** in it"] }]);
    expect(ended.annotations).toEqual([
      { level: "warning", message: "From the other stream", title: null, file: null },
      { level: "error", message: "One\ntwo ***", title: "Not: verified", file: "a.py" },
      { level: "notice", message: "Last", title: null, file: null },
    ]);
    expect(ended.commands).toEqual([{ name: "debug", properties: {}, data: "Hidden" }]);
    expect(ended.log.split("\n")).toEqual([
      "##[warning]From the other stream",
      "a-secret before its mask",
      "##[group]Clone",
      "with *** in it",
      "##[endgroup]",
      "##[error]One",
      "two ***",
      "::stop-commands::pause-1",
      "::error::Only text",
      "::pause-1::",
      "##[notice]Last",
    ]);
    expect(environmentOf(ended.postLog)).toMatchObject({
      LATER: "yes",
      PATH: expect.stringMatching(/^\/opt\/second:\/opt\/first:/),
    });
  });

  it("tells its state to the post step, which runs after a failure as well", async () => {
    using ended = await run(
      `appendFileSync(process.env.GITHUB_STATE, "comment=7\\n"); appendFileSync(process.env.GITHUB_OUTPUT, "a=1\\n"); process.exitCode = 3;`,
      { inputs: { "what to say": "bye" } },
    );
    expect(ended).toMatchObject({ status: 3, postStatus: 0, state: { comment: "7" }, outputs: { a: "1" } });
    expect(environmentOf(ended.postLog)).toMatchObject({ STATE_comment: "7", INPUT_WHAT_TO_SAY: "bye" });
  });

  it("fails its test where it breaks the runner's rules", async () => {
    const broken = {
      'console.log("::set-verdict name=a::b")': /no such command/,
      'console.log("::set-env name=a::b")': /turned off set-env/,
      'appendFileSync(process.env.GITHUB_OUTPUT, "verified")': /Invalid format/,
      'appendFileSync(process.env.GITHUB_STEP_SUMMARY, "x".repeat(1024 * 1024 + 1))': /longer than GitHub takes/,
      'appendFileSync(process.env.GITHUB_ENV, "NODE_OPTIONS=--inspect\\n")': /NODE_OPTIONS/,
    };
    for (const [program, wrong] of Object.entries(broken)) await expect(run(program), program).rejects.toThrow(wrong);
    await expect(run("", { inputs: { "other-input": "1" } })).rejects.toThrow(/no input other-input/);
    await expect(run("setInterval(() => {}, 1000)", { timeoutSeconds: 1 })).rejects.toThrow(/did not end in 1 second/);
  });
});

describe("a step that is ended", () => {
  it("is asked by SIGINT first, keeps what it wrote, and has its post step", async () => {
    using ended = await run(
      `process.on("SIGINT", () => {
        appendFileSync(process.env.GITHUB_OUTPUT, "verdict=cancelled\\n");
        process.exit(1);
      });
      setInterval(() => {}, 1000);
      console.log("started");`,
      { cancel: (output) => output.includes("started") },
    );
    expect(ended).toMatchObject({ status: 1, postStatus: 0, outputs: { verdict: "cancelled" } });
    expect(ended.seconds).toBeLessThan(5);
  });

  it("is asked again after 7.5 seconds, and killed after 10", async () => {
    using ended = await run(
      `for (const name of ["SIGINT", "SIGTERM"]) process.on(name, () => console.log(name));
      setInterval(() => {}, 1000);
      console.log("started");`,
      { cancel: (output) => output.includes("started") },
    );
    expect(ended).toMatchObject({ status: null, postStatus: 0, log: "started\nSIGINT\nSIGTERM" });
    expect(ended.seconds).toBeGreaterThan(10);
    expect(ended.seconds).toBeLessThan(14);
  });

  it("crashes without a word, and what it left running is ended", async () => {
    using ended = await run(
      `import { spawn } from "node:child_process";
      spawn("sleep", ["4711"], { stdio: "ignore", detached: true }).unref();
      process.on("SIGTERM", () => console.log("asked"));
      setInterval(() => {}, 1000);
      console.log("started");`,
      { kill: (output) => output.includes("started"), post: "console.log('Closed');" },
    );
    expect(ended).toMatchObject({ status: null, postStatus: 0, log: "started", postLog: "Closed" });
    expect(ended.orphans).toEqual(["sleep 4711"]);
  });
});

describe("the runner's formats", () => {
  it("has commands at the beginning of a line, in the old form anywhere, and only those that it knows", () => {
    const parse = (line: string) => parseCommand(line, (name) => name.toLowerCase() === "error");
    expect(parse("\t::ERROR file=a%2Cb,line=3,empty=::50%25%0A::x")).toEqual({
      name: "error",
      properties: { file: "a,b", line: "3" },
      data: "50%\n::x",
    });
    expect(parse("see ##[error title=a%3Bb]gone%5D")).toEqual({
      name: "error",
      properties: { title: "a;b" },
      data: "gone]",
    });
    for (const line of ["x ::error::y", "::error", "::group::y", "##[group]y", "std::error::y", "%0A::error::y"]) {
      expect(parse(line), line).toBeNull();
    }
  });

  it("has files of pairs and of texts between delimiters", () => {
    expect(readEnvironmentFile("")).toEqual({});
    expect(readEnvironmentFile("a=1\n\nb<<E\nE2\n\n c=2\nE\nc=<<E\nd<<E\nE\na=3")).toEqual({
      a: "3",
      b: "E2\n\n c=2",
      c: "<<E",
      d: "",
    });
    for (const wrong of ["a\n", "=1\n", "a<<\nE\n", "<<E\nx\nE\n", "a<<E\nx\n"]) {
      expect(() => readEnvironmentFile(wrong), wrong).toThrow();
    }
  });
});
