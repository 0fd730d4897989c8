import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { writeTree } from "../repository/make-repository.ts";
import { CommandLine, canIsolate, fixture, skipAloud } from "../support/command-line.ts";
import { onlyRun, parseResult, readState } from "../support/run-result.ts";

const escapeCharacter = "\u001b";
const packageFile = fileURLToPath(new URL("../../package.json", import.meta.url));

describe("what the command line shows", () => {
  const commandLine = new CommandLine();
  afterAll(() => commandLine[Symbol.dispose]());

  it("tells its version", async () => {
    const { version } = JSON.parse(readFileSync(packageFile, "utf8"));
    expect(await commandLine.run(["--version"])).toMatchObject({ status: 0, stdout: `${version}\n`, stderr: "" });
  });

  it("explains every command, the options and the exit statuses", async () => {
    const help = await commandLine.run(["--help"]);
    expect(help).toMatchObject({ status: 0, stderr: "" });
    for (const command of ["distill", "verify", "report", "doctor", "reap"])
      expect(help.stdout).toContain(`\n  ${command} `);
    for (const status of ["0", "1", "2", "3", "4", "130"])
      expect(help.stdout).toMatch(new RegExp(`^ +${status} +\\w`, "m"));
    const distill = await commandLine.run(["distill", "--help"]);
    const options = ["--ref", "--out", "--resume", "--dry-run", "--json", "--max-cost", "--focus"];
    for (const option of [...options, "--sandbox", "--sandbox-image", "--container-engine", "--gpu"])
      expect(distill.stdout).toContain(`  ${option} `);
    expect(distill.status).toBe(0);
  });

  it("plans without running anything", async () => {
    writeTree(commandLine.path("planned"), {
      "README.md": "# tally\n\n```python\nfrom tally import tally\n\nprint(tally([1, 2]))\n```\n",
      "tally.py": `open("${commandLine.path("ran")}", "w")\n\n\ndef tally(values):\n    """Count."""\n    return len(values)\n`,
    });
    const ended = await commandLine.run(["distill", "planned", "--dry-run", "--out", "plan"]);
    expect(ended.status, ended.stderr).toBe(0);
    expect(ended.stdout).toMatch(/^example1 +.*README\.md, lines 4-6/m);
    expect(ended.stderr).not.toMatch(/building and running/);
    expect(existsSync(commandLine.path("ran"))).toBe(false);
    const state = readState(onlyRun(commandLine.path("plan")));
    expect(state.distiller.iterations[0]?.execution).toBeNull();
    expect(readdirSync(onlyRun(commandLine.path("plan")))).not.toContain("report.html");

    const json = await commandLine.run(["distill", "planned", "--dry-run", "--json", "--out", "plan-json"]);
    expect(json.status).toBe(0);
    expect(parseResult(json)).toMatchObject({ outcome: null, checks: null, plan: [{ example: "example1" }] });
  });

  it("plans also where nothing can be isolated", async () => {
    const ended = await commandLine.run(["distill", fixture("orbital-elements"), "--dry-run", "--out", "bare"], {
      environment: { PATH: commandLine.path("home") },
    });
    expect(ended.stderr).not.toMatch(/bubblewrap/);
  });

  it.runIf(canIsolate)("is plain text where it is no terminal, and keeps stdout to the result", async () => {
    const ended = await commandLine.run(["distill", fixture("orbital-elements"), "--out", "plain", "--verbose"]);
    expect(ended.status).toBe(0);
    expect(ended.stdout + ended.stderr).not.toContain(escapeCharacter);
    expect(ended.stdout + ended.stderr).not.toContain("\r");
    expect(ended.stdout).toMatch(/^\nverified: .*\n {2}executed /);
    expect(ended.stderr).toMatch(/^ {4}\| \S/m);
    expect(ended.stderr).toMatch(/^ {2}execute took [\d.]+ s$/m);
  });

  it.runIf(canIsolate)("shows one live line and colours in a terminal, and none where NO_COLOR is set", async () => {
    const argv = ["distill", fixture("orbital-elements"), "--out"];
    const live = await commandLine.startInTerminal([...argv, "live"]).ended;
    expect(live.status, live.stdout).toBe(0);
    expect(live.stdout).toMatch(/building and running \(iteration 1\) · [\d.]+ s/);
    expect(live.stdout).toContain(`${escapeCharacter}[32m`);
    expect(live.stdout).toContain(`${escapeCharacter}[?25h`);
    const lines = live.stdout
      .replace(new RegExp(`${escapeCharacter}\\[[0-9;?]*m`, "g"), "")
      .split(/[\r\n]|\u001b\[[0-9;?]*[A-Za-z]/);
    const width = Math.max(...lines.filter((line) => line.includes(" · ")).map((line) => line.length));
    expect(width).toBeLessThanOrEqual(100);

    const plain = await commandLine.startInTerminal([...argv, "no-colour"], { environment: { NO_COLOR: "1" } }).ended;
    expect(plain.status, plain.stdout).toBe(0);
    expect(plain.stdout).not.toMatch(new RegExp(`${escapeCharacter}\\[[0-9;]*m`));
    expect(plain.stdout).toContain("verified: ");
  });

  it("examines the machine", async () => {
    const plain = await commandLine.run(["doctor"]);
    expect(plain.stdout + plain.stderr).not.toContain(escapeCharacter);
    const json = await commandLine.run(["doctor", "--json"]);
    const { ready, findings } = JSON.parse(json.stdout);
    expect(findings.map(({ name }: { name: string }) => name)).toEqual(
      expect.arrayContaining(["node", "git", "modal", "container", "bubblewrap", "sandbox", "disk", "models"]),
    );
    for (const ended of [plain, json]) expect(ended.status).toBe(ready ? 0 : 1);
    expect(plain.stdout).toMatch(ready ? /\nReady\.\n$/ : /\nNot ready/);
  });

  it("finds what is missing, and says how to get it", async () => {
    const environment = { PATH: commandLine.path("home"), CODEDISTILLER_CACHE: "/proc/self/cmdline/cache" };
    const ended = await commandLine.run(["doctor"], { environment, timeoutSeconds: 20 });
    expect(ended.status, ended.stderr).toBe(1);
    expect(ended.stderr).toBe("");
    expect(ended.stdout).toMatch(/missing +git +not found\n +apt-get install git/);
    expect(ended.stdout).toMatch(/missing +disk +.* cannot be written\n +Set CODEDISTILLER_CACHE/);
  });

  it("says in one line that Node is too old", ({ skip }) => {
    const old = findOldNode();
    if (old === null) {
      skipAloud("Node older than 22.12", false);
      return skip();
    }
    let told = { status: 0, stdout: "", stderr: "" };
    try {
      execFileSync(old, [fileURLToPath(new URL("../../bin/codedistiller.js", import.meta.url)), "doctor"], {
        encoding: "utf8",
        stdio: "pipe",
      });
    } catch (error) {
      told = error as typeof told;
    }
    expect(told.status).toBe(1);
    expect(told.stdout).toBe("");
    expect(told.stderr).toMatch(/^codedistiller: Node [\d.]+ is too old: 22\.12 or newer is needed\.[^\n]*\n$/);
  });
});

function findOldNode(): string | null {
  const folders = [...(process.env.PATH ?? "").split(":"), "/usr/local/bin", "/usr/bin"];
  for (const path of folders.map((folder) => join(folder, "node")).filter(existsSync)) {
    const version = execFileSync(path, ["-p", "process.versions.node"], { encoding: "utf8" });
    const [major = 0, minor = 0] = version.split(".").map(Number);
    if (major < 22 || (major === 22 && minor < 12)) return path;
  }
  return null;
}
