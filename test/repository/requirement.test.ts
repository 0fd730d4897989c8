import { describe, expect, it } from "vitest";
import { formatRequirement, normalizeName, parseRequirement } from "../../src/repository/requirement.ts";

describe("parseRequirement", () => {
  it("reads name, extras, versions and marker", () => {
    expect(parseRequirement("ruamel.yaml[jinja2] (>=0.15, <1)")).toEqual({
      name: "ruamel.yaml",
      extras: "[jinja2]",
      specifier: ">=0.15,<1",
      marker: "",
    });
    expect(parseRequirement("numpy >= 1.20 , < 2 ; python_version < '3.9'  # why")).toEqual({
      name: "numpy",
      extras: "",
      specifier: ">=1.20,<2",
      marker: "python_version < '3.9'",
    });
    expect(parseRequirement("scipy")).toMatchObject({ name: "scipy", specifier: "" });
  });

  it.each([
    "--index-url http://evil.invalid/simple",
    "-e .",
    "-r ../../etc/passwd",
    "file:///etc/passwd",
    "git+https://evil.invalid/tiny.git@main#egg=tiny",
    "tiny @ http://evil.invalid/tiny-1.0.tar.gz",
    "./local",
    "numpy==1.26.4 --hash=sha256:00",
    "numpy==1.26.4 --pre",
    "$(touch x)",
    "; touch x",
    "numpy; os_name == `id`",
    "numpy 1.2",
    "",
  ])("refuses %j: nothing may point a package manager elsewhere", (line) => {
    expect(parseRequirement(line)).toBeNull();
  });

  it("is not slowed by lines made to be ambiguous", () => {
    const started = performance.now();
    for (const tail of [">=1 ".repeat(70), "!1".repeat(140), "1==1".repeat(70), "-".repeat(290), " ".repeat(290)])
      expect(parseRequirement(`a${tail}$`)).toBeNull();
    expect(parseRequirement(`a${" ".repeat(1_000_000)}b`)).toBeNull();
    expect(performance.now() - started).toBeLessThan(500);
  });

  it("writes what it read, so that it reads the same again", () => {
    for (const line of ["numpy>=1.20,<2", "uncertainties[all]==3.1.* ; python_version>'3.6'", "a~=1.0", "b===1"]) {
      const requirement = parseRequirement(line);
      expect(requirement && parseRequirement(formatRequirement(requirement))).toEqual(requirement);
    }
  });

  it("knows one name in several spellings", () => {
    expect(new Set(["Ruamel.Yaml", "ruamel_yaml", "ruamel--yaml"].map(normalizeName))).toEqual(
      new Set(["ruamel-yaml"]),
    );
  });
});
