import { execFileSync } from "node:child_process";
import { cpSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { z } from "zod";
import { CommandLine, canIsolate, canRun, type EndedCommand, fixture } from "../support/command-line.ts";
import { type DistillResult, parseResult, readState } from "../support/run-result.ts";

const hasNetworkNamespaces = canRun("a network namespace of root's", "unshare", ["-n", "true"]);

/** The reference system's keys, in its order. */
const referenceKeys =
  "repo_url repository_description status status_message model_str_code model_str_fast total_cost costs total_runtime_secs runtimes max_runtime_mins max_debug_iterations reflection_idx is_finished change_log code requirements runscript metadata error_information classification_list execution_result".split(
    " ",
  );

describe.runIf(canIsolate)("the quick start, without a network", () => {
  const commandLine = new CommandLine();
  let ended: EndedCommand;
  let result: z.infer<typeof DistillResult>;
  let runFolder: string;
  let example: string;

  beforeAll(async () => {
    ended = await commandLine.run(
      ["distill", fixture("orbital-elements"), "--json", "--out", "out"],
      hasNetworkNamespaces ? { within: ["unshare", "-n"] } : {},
    );
    result = parseResult(ended);
    runFolder = result.runFolder ?? "";
    example = result.exampleFolder ?? "";
  });
  afterAll(() => commandLine[Symbol.dispose]());

  it("ends verified, with exit status 0", () => {
    expect(result).toMatchObject({ outcome: "verified", reasonCode: "verified", costUsd: 0 });
    expect(ended.status, ended.stderr).toBe(0);
    expect(result.checks).toMatchObject({
      executed: { result: "passed" },
      grounded: { result: "passed" },
      reproduced: { result: "passed" },
      reviewed: { result: "not-made" },
    });
    expect(result.coreFunctionsCalled).toContain("solve_kepler");
    expect(ended.stderr).toMatch(/^Author: builtin\/extract \(no provider key is set\)/);
  });

  it("leaves a run folder and an example with every promised file", () => {
    for (const name of ["current_state.json", "survey.json", "run.log", "report.html", "REPORT.md", "example"])
      expect(existsSync(join(runFolder, name)), name).toBe(true);
    for (const name of ["repository", "lock", "clean-room/.venv", "example.partial"])
      expect(existsSync(join(runFolder, name)), name).toBe(false);
    const files = ["main.py", "requirements.txt", "runscript.sh", "run.sh", "README.md", "metadata.json"];
    for (const name of [...files, "results.json", "outputs"]) expect(existsSync(join(example, name)), name).toBe(true);
    expect(result.report).toBe(join(runFolder, "report.html"));
    expect(readFileSync(join(runFolder, "REPORT.md"), "utf8")).toMatch(/verified/i);
  });

  it("keeps a state with the reference system's keys that agrees with the result", () => {
    const state = readState(runFolder);
    expect(Object.keys(state)).toEqual(expect.arrayContaining(referenceKeys));
    expect(state).toMatchObject({ status: "COMPLETED", is_finished: true, total_cost: 0 });
    expect(state.distiller.outcome).toEqual({
      outcome: result.outcome,
      reasonCode: result.reasonCode,
      explanation: result.explanation,
    });
    expect(state.distiller.iterations).toHaveLength(result.iterations);
    expect(state.total_runtime_secs).toBe(result.seconds);
    expect(state.distiller.repository?.commit ?? null).toBe(result.repository?.commit);
    expect(state.code).toBe(readFileSync(join(example, "main.py"), "utf8"));
  });

  it("publishes a folder whose run.sh comes to the same values, without this product", () => {
    const copy = commandLine.path("elsewhere");
    cpSync(example, copy, { recursive: true });
    rmSync(join(copy, "results.json"));
    execFileSync("bash", ["run.sh"], {
      cwd: copy,
      env: { PATH: "/usr/local/bin:/usr/bin:/bin", HOME: commandLine.path("elsewhere-home"), LANG: "C.UTF-8" },
      stdio: "pipe",
    });
    expect(JSON.parse(readFileSync(join(copy, "results.json"), "utf8"))).toEqual(
      JSON.parse(readFileSync(join(example, "results.json"), "utf8")),
    );
  });

  it("verifies what it published", async () => {
    const verified = await commandLine.run(["verify", example]);
    expect(verified.stdout).toMatch(/^reproduced: /);
    expect(verified.status, verified.stderr).toBe(0);
  });

  it("refuses changed values with exit status 3, and names them", async () => {
    const copy = commandLine.path("other-values");
    cpSync(example, copy, { recursive: true });
    const path = join(copy, "results.json");
    const text = readFileSync(path, "utf8");
    const [whole = "", value = ""] = /(\d+\.\d+)/.exec(text) ?? [];
    writeFileSync(path, text.replace(whole, String(Number(value) + 1000)));
    const verified = await commandLine.run(["verify", copy, "--json"]);
    expect(verified.status, verified.stderr).toBe(3);
    const { reproduced, reasonCode, reproduction } = JSON.parse(verified.stdout);
    expect({ reproduced, reasonCode }).toEqual({ reproduced: false, reasonCode: "results-differ" });
    expect(reproduction.differences).toHaveLength(1);
    expect(reproduction.differences[0].first).toContain(String(Number(value) + 1000));
    expect(reproduction.check.evidence).toContain(reproduction.differences[0].key);
  });

  it("refuses a changed program that calls nothing of the repository", async () => {
    const copy = commandLine.path("other-program");
    cpSync(example, copy, { recursive: true });
    const results = JSON.stringify(readFileSync(join(copy, "results.json"), "utf8"));
    writeFileSync(join(copy, "main.py"), `open("results.json", "w").write(${results})\n`);
    const verified = await commandLine.run(["verify", copy]);
    expect(verified.status, verified.stderr).toBe(3);
    expect(verified.stdout).toMatch(/^not reproduced/);
    expect(verified.stdout).toContain("No function of the repository was seen to run");
  });

  it("refuses a changed program that comes to other values, and names them", async () => {
    const copy = commandLine.path("other-orbit");
    cpSync(example, copy, { recursive: true });
    const path = join(copy, "main.py");
    writeFileSync(path, readFileSync(path, "utf8").replace("semi_major_axis=26600.0", "semi_major_axis=26700.0"));
    const verified = await commandLine.run(["verify", copy]);
    expect(verified.status, verified.stderr).toBe(3);
    expect(verified.stdout).toMatch(/other values: \d+ differ, among them example1\./);
    expect(verified.stdout).toContain("26700");
  });

  it("runs it with --current against newer files, and says in one word what became of it", async () => {
    const newer = commandLine.path("newer");
    cpSync(fixture("orbital-elements"), newer, { recursive: true });
    const path = join(newer, "src/orbelem/kepler.py");
    writeFileSync(path, readFileSync(path, "utf8").replace("def solve_kepler(", "def solve("));
    const broken = await commandLine.run(["verify", example, "--current", "--source", newer, "--json"]);
    expect(broken.status, broken.stderr).toBe(3);
    expect(JSON.parse(broken.stdout)).toMatchObject({ reproduced: false, reasonCode: "program-failed", commit: null });
    const carried = await commandLine.run(["verify", example, "--current", "--json"]);
    expect(carried.status, carried.stderr).toBe(0);
    expect(JSON.parse(carried.stdout)).toMatchObject({ reproduced: true, reasonCode: "verified" });
    expect(carried.stderr).toContain("carries the files that it was made from");
  });

  it("says what is missing here where an example needs packages of the system", async () => {
    const copy = commandLine.path("with-packages");
    cpSync(example, copy, { recursive: true });
    const metadata = JSON.parse(readFileSync(join(copy, "metadata.json"), "utf8"));
    Object.assign(metadata.distiller, { python: "3.2.1", files: [...metadata.distiller.files, "apt.txt"] });
    writeFileSync(join(copy, "metadata.json"), JSON.stringify(metadata));
    writeFileSync(join(copy, "apt.txt"), "libgl1\n");
    writeFileSync(join(copy, "runscript.sh"), "echo 'Install these first, as root: libgl1' >&2\nexit 1\n");
    const verified = await commandLine.run(["verify", copy]);
    expect(verified.status, verified.stderr).toBe(3);
    expect(verified.stdout).toMatch(/^not reproduced: In a new sandbox the environment ended/);
    expect(verified.stdout).toContain("  It ended with: Install these first, as root: libgl1\n");
    expect(verified.stdout).toMatch(/packages of the system \(libgl1\), which .* take --sandbox container or modal\./);
    expect(verified.stdout).toContain("It was made with Python 3.2.1; here it was run with Python 3.");
  });

  it("writes the reports again, each time the same", async () => {
    const rewrite = async (): Promise<string[]> => {
      const paths = [join(runFolder, "report.html"), join(runFolder, "REPORT.md")];
      for (const path of paths) rmSync(path);
      const reported = await commandLine.run(["report", runFolder]);
      expect(reported.status, reported.stderr).toBe(0);
      expect(reported.stdout).toBe(`${paths.join("\n")}\n`);
      return paths.map((path) => readFileSync(path, "utf8"));
    };
    const first = await rewrite();
    for (const text of first) expect(text).toContain("gave the same values in a clean room");
    expect(await rewrite()).toEqual(first);
  });
});
