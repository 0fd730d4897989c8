import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { environmentMark, writeRunscript } from "../../../src/authors/extractive/write-runscript.ts";
import { createContext, fixtureFolder, makeDecisions, makeFolder } from "../../support/author-context.ts";

const context = await createContext(fixtureFolder("orbital-elements"));

/** Runs what stands above the repository's part, on a machine of these programs; returns what was called, and what was said. */
async function install(
  apt: string,
  programs: Record<string, string>,
): Promise<{ called: string; said: string; status: number }> {
  const script = writeRunscript(context, makeDecisions({ systemPackages: ["libgl1"] }), false);
  const head = script.slice(0, script.indexOf("\nif [ ! -d source ]; then\n  echo"));
  await using folder = await makeFolder({
    "runscript.sh": head,
    "apt.txt": apt,
    ...Object.fromEntries(
      Object.entries(programs).map(([name, body]) => [`bin/${name}`, { program: `#!/bin/bash\n${body}\n` }]),
    ),
  });
  const log = join(folder.path, "called");
  let status = 0;
  let said = "";
  try {
    execFileSync("/bin/bash", ["runscript.sh"], {
      cwd: folder.path,
      env: { PATH: join(folder.path, "bin"), LOG: log },
      stdio: ["ignore", "pipe", "pipe"],
    });
  } catch (error) {
    if (!(error instanceof Error) || !("status" in error)) throw error;
    status = Number(error.status);
    said = "stderr" in error ? String(error.stderr) : "";
  }
  return { called: existsSync(log) ? readFileSync(log, "utf8") : "", said, status };
}

const known =
  'printf "installed, libgl1, ,\\ninstalled, libglib2.0-0t64, libglib2.0-0 (= 2.80.0),\\nconfig-files, gfortran, fortran-compiler,\\n"';
const base = {
  dirname: '/usr/bin/dirname "$@"',
  sed: '/usr/bin/sed "$@"',
  grep: '/usr/bin/grep "$@"',
  env: '/usr/bin/env "$@"',
  git: "",
  python3: "",
  cc: "",
  "dpkg-query": known,
  "apt-get": 'echo "apt-get $*" >>"$LOG"',
};
const root = { ...base, id: "echo 0" };
const user = { ...base, id: "echo 1000" };

describe("packages of the system in runscript.sh", () => {
  it("are not installed again, under whatever name they are there", async () => {
    expect(await install("# for cv2\nlibgl1\nlibglib2.0-0 # and this\n", user)).toMatchObject({
      called: "",
      status: 0,
    });
  });

  it("are installed by root, those alone that are missing", async () => {
    expect((await install("libgl1\ngfortran\nlibgl\n", root)).called).toBe(
      "apt-get -q update\napt-get -qy install --no-install-recommends gfortran libgl\n",
    );
  });

  it("are installed with sudo by anybody else, or named for whoever can", async () => {
    const sudo = { ...user, sudo: 'echo "sudo $1" >>"$LOG"; "$@"' };
    expect((await install("gfortran\n", sudo)).called).toMatch(
      /^sudo apt-get\napt-get -q update\nsudo env\napt-get -qy/,
    );
    expect(await install("gfortran\n", user)).toMatchObject({
      status: 1,
      called: "",
      said: "Install these first, as root: apt-get install gfortran\n",
    });
  });

  it("bring what building takes, on a bare machine", async () => {
    const { git: _git, ...bare } = { ...root, python3: "exit 1" };
    expect((await install("libgl1\n", bare)).called).toContain(
      "install --no-install-recommends git ca-certificates python3-venv\n",
    );
  });

  it("are left to the reader where there is no apt-get", async () => {
    const { "apt-get": _apt, "dpkg-query": _dpkg, ...other } = user;
    expect(await install("libgl1\n", other)).toMatchObject({ status: 0, called: "" });
  });

  it("come before the repository is fetched, and only where there are any", () => {
    const script = writeRunscript(context, makeDecisions({ systemPackages: ["libgl1"] }), false);
    const fetch = script.indexOf("\nif [ ! -d source ]; then\n  echo");
    expect(script.indexOf("apt-get")).toBeLessThan(fetch);
    expect(fetch).toBeLessThan(script.indexOf(environmentMark));
    expect(writeRunscript(context, makeDecisions(), false)).not.toMatch(/apt/);
  });
});
