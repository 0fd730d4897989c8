import { describe, expect, it } from "vitest";
import { slugOfRun } from "../../src/jobs/slug-of-run.ts";

const plain = { target: "orbits", source: null, subdirectory: null, focus: null };
const hashed = /^[a-z0-9]+(-[a-z0-9]+)*-[0-9a-f]{6}$/;

describe("slugOfRun", () => {
  it("is the repository's name in letters that a branch, a path and an address can have", () => {
    expect(slugOfRun({ ...plain, target: "supercell-core" })).toBe("supercell-core");
    expect(slugOfRun({ ...plain, target: "VaspBandUnfolding_2.0" })).toBe("vaspbandunfolding-2-0");
    expect(slugOfRun({ ...plain, target: "_" })).toBe("example");
  });

  it("names the owner of another repository, so that it is never the repository's own example", () => {
    expect(slugOfRun({ ...plain, source: "bob/orbits" })).toBe("bob-orbits");
    expect(slugOfRun({ ...plain, source: "bob/supercell-core" })).toBe("bob-supercell-core");
    for (const target of ["bob-orbits", "bob"])
      expect(slugOfRun({ ...plain, target, source: "bob/orbits" })).toMatch(/^bob-orbits-[0-9a-f]{6}$/);
  });

  it("tells repositories apart whose names have the same letters", () => {
    const sources = ["a-b/c", "a/b-c", "a/b.c", "a/b_c", "gitlab.com/a/b-c", "日本/本", "日本/日"];
    const slugs = sources.map((source) => slugOfRun({ ...plain, source }));
    expect(new Set(slugs).size).toBe(sources.length);
    for (const slug of slugs.filter((each) => each !== "a-b-c")) expect(slug).toMatch(hashed);
  });

  it("tells examples of parts and of other aims apart, and is the same for the same request", () => {
    const focused = { ...plain, subdirectory: "tools/relax/", focus: "  Relax a crystal, then plot its energy " };
    expect(slugOfRun(focused)).toMatch(/^orbits-relax-relax-a-crystal-then-[0-9a-f]{6}$/);
    const same = { ...focused, subdirectory: "./tools/relax", focus: "Relax a crystal,  then plot its energy" };
    expect(slugOfRun(same)).toBe(slugOfRun(focused));
    expect(slugOfRun({ ...plain, focus: "transfer orbit" })).toBe("orbits-transfer-orbit");
    const others = [
      { focus: "show how to plot A" },
      { focus: "show how to plot B" },
      { focus: "绘制轨道" },
      { focus: "绘制能量" },
      { focus: "plot A+B" },
      { focus: "plot A-B" },
      { focus: "relax" },
      { subdirectory: "relax" },
      { subdirectory: "tools/relax" },
      { subdirectory: "relax", focus: "energy" },
      { focus: "relax energy" },
      { source: "bob/orbits", focus: "relax" },
      { source: "bob/orbits-relax" },
    ];
    const slugs = others.map((other) => slugOfRun({ ...plain, ...other }));
    expect(new Set([...slugs, "orbits"]).size).toBe(others.length + 1);
  });

  it("is never empty, never long, and never leaves its folder", () => {
    const climbing = slugOfRun({ ...plain, target: "..", focus: "../../.github/workflows" });
    expect(climbing).toMatch(/^example-github-workflows-[0-9a-f]{6}$/);
    const long = [
      slugOfRun({ ...plain, target: "a".repeat(100) }),
      slugOfRun({ ...plain, target: "a".repeat(52), focus: "b c d" }),
      slugOfRun({ ...plain, source: `b/${"a".repeat(100)}` }),
    ];
    for (const slug of long) expect(slug).toMatch(/^(?=.{1,60}$)[a-z0-9]+(-[a-z0-9]+)*$/);
    expect(slugOfRun({ ...plain, source: `b/${"a".repeat(99)}` })).not.toBe(long[2]);
  });
});
