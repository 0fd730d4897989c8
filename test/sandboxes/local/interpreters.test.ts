import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { findInterpreters } from "../../../src/sandboxes/local/interpreters.ts";

// A prefix below /tmp is never shown, since sandboxes have a /tmp of their own.
const folder = mkdtempSync(join(homedir(), ".interpreters-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A program that answers the question as the interpreter of a prefix would. */
function plantInterpreter(name: string, prefix: string, version: string): string {
  const path = join(folder, name);
  const answer = JSON.stringify({ version, base: prefix, executable: path, hasHeaders: false });
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `#!/bin/sh\necho '${answer}'\n`, { mode: 0o755 });
  return path;
}

function find(...paths: string[]) {
  return findInterpreters({ hostPath: paths.join(":"), privateFolder: join(folder, "state"), otherAccount: false });
}

it("finds the interpreters behind the shims of a version manager", async () => {
  const path = plantInterpreter(
    "pyenv/versions/3.99.1/bin/python3.99",
    join(folder, "pyenv/versions/3.99.1"),
    "3.99.1",
  );
  symlinkSync("python3.99", join(dirname(path), "python3"));
  const { pythons, prefixes } = await find(join(folder, "pyenv/shims"), "relative/bin");
  expect(pythons.filter(({ version }) => version.startsWith("3.99"))).toEqual([
    { path, version: "3.99.1", hasHeaders: false },
  ]);
  expect(prefixes).toContain(join(folder, "pyenv/versions/3.99.1"));
});

it("shows no prefix that holds more than an interpreter", async () => {
  const paths = [
    plantInterpreter("a/bin/python3.98", "/", "3.98.0"),
    plantInterpreter("b/bin/python3.98", folder, "3.98.1"),
    plantInterpreter("c/.local/bin/python3.98", join(folder, "c/.local"), "3.98.2"),
    plantInterpreter("d/bin/python3.98", join(folder, "elsewhere"), "3.98.3"),
    plantInterpreter("e/bin/python3.98", "/home/somebody", "3.98.4"),
    plantInterpreter("f/bin/python3.98", "/etc/python", "3.98.5"),
  ];
  const { pythons, prefixes } = await find(...paths.map(dirname));
  expect(pythons.filter(({ version }) => version.startsWith("3.98"))).toEqual([]);
  expect(prefixes).toEqual([]);
});

it("passes over what is no interpreter", async () => {
  const bin = join(folder, "broken/bin");
  mkdirSync(bin, { recursive: true });
  writeFileSync(join(bin, "python3"), "#!/bin/sh\nexit 1\n", { mode: 0o755 });
  writeFileSync(join(bin, "python3.97"), "#!/bin/sh\necho not json\n", { mode: 0o755 });
  const { prefixes } = await find(bin);
  expect(prefixes).toEqual([]);
});
