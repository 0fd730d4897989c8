import { describe, expect, it } from "vitest";
import { slugOfRun } from "../../src/jobs/slug-of-run.ts";

const plain = { subdirectory: null, focus: null };

describe("slugOfRun", () => {
  it("is the repository's name in letters that a branch, a path and an address can have", () => {
    expect(slugOfRun({ ...plain, name: "supercell-core" })).toBe("supercell-core");
    expect(slugOfRun({ ...plain, name: "VaspBandUnfolding_2.0" })).toBe("vaspbandunfolding-2-0");
    expect(slugOfRun({ ...plain, name: "Schrödinger" })).toBe("schrodinger");
  });

  it("tells examples of parts and of other aims apart, and is the same for the same request", () => {
    const focused = { name: "chgnet", subdirectory: "tools/relax/", focus: "  Relax a crystal, then plot its energy " };
    expect(slugOfRun(focused)).toBe("chgnet-relax-relax-a-crystal-then");
    expect(slugOfRun(focused)).toBe(slugOfRun({ ...focused }));
  });

  it("is never empty, never long, and never leaves its folder", () => {
    expect(slugOfRun({ ...plain, name: "..", focus: "../../.github/workflows" })).toBe("github-workflows");
    expect(slugOfRun({ ...plain, name: "日本" })).toBe("example");
    const long = slugOfRun({ ...plain, name: "a".repeat(59), focus: "b c d" });
    expect(long.length).toBeLessThanOrEqual(60);
    expect(long).toMatch(/^[a-z0-9]+(-[a-z0-9]+)*$/);
  });
});
