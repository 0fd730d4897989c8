import { describe, expect, it } from "vitest";
import { formatAptFile, parseAptFile, systemPackagesOf, withAptFile } from "../../src/example/apt.ts";

describe("apt.txt", () => {
  it("names packages, a line each, sorted and once", () => {
    expect(parseAptFile("# for the plots\nlibgl1\n\n  g++ # compiler\r\nlibgl1\nlibstdc++6\n")).toEqual({
      kind: "packages",
      packages: ["g++", "libgl1", "libstdc++6"],
    });
    expect(parseAptFile("")).toEqual({ kind: "packages", packages: [] });
    expect(formatAptFile(["libgl1", "g++", "libgl1"])).toBe("g++\nlibgl1\n");
  });

  it.each([
    "-o APT::Update::Pre-Invoke::=id",
    "libgl1 libsm6",
    "libgl1=1.2",
    "libgl1/sid",
    "./evil.deb",
    "$(id)",
    "libgl1;id",
    "LibGL1",
    "é",
    "x",
    "a".repeat(101),
  ])("refuses %j, and says in which line", (line) => {
    expect(parseAptFile(`gcc\n${line}\n`)).toMatchObject({
      kind: "refused",
      problem: expect.stringContaining("apt.txt, line 2"),
    });
    expect(systemPackagesOf({ "apt.txt": line })).toEqual([]);
  });

  it("names fifty at most", () => {
    const names = (count: number) => Array.from({ length: count }, (_, index) => `lib${index}`).join("\n");
    expect(parseAptFile(names(50)).kind).toBe("packages");
    expect(parseAptFile(names(51))).toMatchObject({ problem: "apt.txt names 51 packages; 50 is the most." });
  });

  it("is there where there are packages, and only there", () => {
    expect(withAptFile({ "main.py": "", "apt.txt": "old1\n" }, ["libgl1"])).toEqual({
      "main.py": "",
      "apt.txt": "libgl1\n",
    });
    expect(withAptFile({ "main.py": "", "apt.txt": "old1\n" }, [])).toEqual({ "main.py": "" });
  });
});
