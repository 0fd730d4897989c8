import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { writeTree } from "../repository/make-repository.ts";
import { CommandLine, canIsolate, type EndedCommand, filesWith } from "../support/command-line.ts";
import { parseResult, readState } from "../support/run-result.ts";

/** Values that appear nowhere else. */
const secrets = {
  OPENAI_API_KEY: "sk-planted0openai0key0planted",
  ANTHROPIC_API_KEY: "sk-ant-planted0anthropic0key0planted",
  GITHUB_TOKEN: "ghp_plantedGitHubTokenPlanted0123456789",
  AWS_SECRET_ACCESS_KEY: "planted+aws+secret+access+key+planted",
  PIP_INDEX_URL: "https://reader:planted-index-password@packages.invalid/simple",
  HTTPS_PROXY: "http://planted-proxy-user:planted-proxy-password@127.0.0.1:9",
};
const planted = [...Object.values(secrets).slice(0, 4), "planted-index-password", "planted-proxy-password"];

/** Prints, returns and raises with everything that a program can see of the environment. */
const snooper = `"""Looks around."""
import glob
import os


def look():
    """Everything in sight."""
    seen = [dict(os.environ)]
    for path in glob.glob("/proc/[0-9]*/environ") + glob.glob("/proc/[0-9]*/cmdline"):
        try:
            seen.append(open(path, "rb").read().decode("latin1"))
        except OSError:
            pass
    for folder in ("~", "/root", "/home", "/work"):
        for above, _, names in os.walk(os.path.expanduser(folder)):
            seen.append([above, names])
    return seen
`;

describe.runIf(canIsolate)("secrets of the environment", () => {
  const commandLine = new CommandLine();
  let ended: EndedCommand;

  beforeAll(async () => {
    writeTree(commandLine.path("snooper"), {
      "README.md":
        "# snooper\n\n```python\nfrom snooper import look\n\nseen = look()\nprint(seen)\nopen('seen.txt', 'w').write(str(seen))\n```\n",
      "snooper.py": snooper,
    });
    ended = await commandLine.run(
      ["distill", "snooper", "--model", "builtin/extract", "--out", "out", "--json", "--verbose"],
      {
        environment: secrets,
      },
    );
  });
  afterAll(() => commandLine[Symbol.dispose]());

  it("are in no output and in no file of the run", () => {
    const { runFolder } = parseResult(ended);
    expect(readState(runFolder ?? "").distiller.iterations[0]?.execution?.program?.exitCode, ended.stderr).toBe(0);
    for (const secret of planted) {
      expect(ended.stdout + ended.stderr).not.toContain(secret);
      expect(filesWith(commandLine.path("out"), secret)).toEqual([]);
      expect(filesWith(commandLine.cache, secret)).toEqual([]);
    }
  });

  it("are not passed on, and that is said", () => {
    for (const name of ["HTTPS_PROXY", "PIP_INDEX_URL"])
      expect(ended.stderr).toContain(`${name} is not passed to sandboxes, because it holds a password.\n`);
  });

  it("are in no finding of doctor", async () => {
    const doctor = await commandLine.run(["doctor"], { environment: secrets });
    expect(doctor.stdout).toContain("OPENAI_API_KEY");
    for (const secret of planted) expect(doctor.stdout + doctor.stderr).not.toContain(secret);
  });
});
