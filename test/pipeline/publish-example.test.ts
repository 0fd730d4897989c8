import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { pinRequirements, publishExample } from "../../src/pipeline/publish-example.ts";
import { createContext, fixtureFolder, makeFolder } from "../support/author-context.ts";
import { iteration } from "../templates/sample/sample-iteration.ts";

describe("pinRequirements", () => {
  it("replaces each requirement by the version that was installed and keeps the rest", () => {
    const text = "# Declared\nNumPy>=1.20\nruamel_yaml[x]\nunknown<3\n";
    expect(pinRequirements(text, ["numpy==1.26.4", "ruamel.yaml==0.18", "torch==2.1+cpu"])).toBe(
      "# Declared\nNumPy==1.26.4\nruamel_yaml[x]==0.18\nunknown<3\n",
    );
  });

  it("keeps a line whose installed version only this machine's index has", () => {
    expect(pinRequirements("torch\n", ["torch==2.1+cpu"])).toBe("torch\n");
  });
});

describe("publishExample", () => {
  it("writes a folder that needs nothing of ours, and replaces an earlier one whole", async () => {
    const context = await createContext(fixtureFolder("orbital-elements"));
    await using output = await makeFolder({
      "to_save/figures/deep/a.svg": "<svg/>",
      "log.json": "[]",
      "stdout.python.txt": "x",
      "secret.txt": "x",
    });
    await using target = await makeFolder({ "example/old.txt": "x" });
    const folder = join(target.path, "example");
    const { draft, execution } = iteration(0, {});
    if (!execution) throw new Error("the sample was not run");
    const { repository, survey } = context;
    await publishExample({ folder, draft, execution, repository, outputFolder: output.path, survey });
    expect((await readdir(folder)).sort()).toEqual(
      [
        "main.py",
        "metadata.json",
        "outputs",
        "requirements.txt",
        "results.json",
        "run.sh",
        "runscript.sh",
        "source",
      ].sort(),
    );
    expect(await readFile(join(folder, "outputs/figures/deep/a.svg"), "utf8")).toBe("<svg/>");
    expect((await readdir(join(folder, "outputs"))).sort()).toEqual(["figures", "log.json", "stdout.python.txt"]);
    expect((await stat(join(folder, "run.sh"))).mode & 0o111).not.toBe(0);
    expect(JSON.parse(await readFile(join(folder, "results.json"), "utf8"))).toEqual(execution.results);
    expect(await readdir(target.path)).toEqual(["example"]);
  });
});
