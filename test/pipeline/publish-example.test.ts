import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { publishExample } from "../../src/pipeline/publish-example.ts";
import { createContext, fixtureFolder, makeFolder } from "../support/author-context.ts";
import { iteration } from "../templates/sample/sample-iteration.ts";

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
    await publishExample({ folder, draft, execution, repository, outputFolder: output.path, survey, focus: null });
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

  it("publishes what succeeded: pinned commands, and the packages of the system by name", async () => {
    const context = await createContext(fixtureFolder("orbital-elements"));
    await using target = await makeFolder();
    const { draft, execution } = iteration(0, {});
    if (!execution) throw new Error("the sample was not run");
    const pip = ".venv/bin/python -m pip install";
    const files = await publishExample({
      folder: join(target.path, "example"),
      draft: {
        ...draft,
        files: {
          ...draft.files,
          "requirements.txt": "numpy\nnumpy>=1\n",
          "runscript.sh": `set -e\n${pip} 'cython<3'\n${pip} tables || true\n${pip} -r requirements.txt\n`,
          "apt.txt": "libgl1\n# twice\nffmpeg\nlibgl1\n",
        },
      },
      execution: { ...execution, packages: ["Cython==0.29.37", "numpy==1.26.4"] },
      repository: context.repository,
      outputFolder: target.path,
      survey: context.survey,
      focus: "periods of orbits",
    });
    expect(files).toMatchObject({
      "requirements.txt": "numpy==1.26.4\n",
      "runscript.sh": `set -e\n${pip} cython==0.29.37\n${pip} -r requirements.txt\n`,
      "apt.txt": "ffmpeg\nlibgl1\n",
    });
    expect(JSON.parse(await readFile(join(target.path, "example/metadata.json"), "utf8"))).toMatchObject({
      distiller: { files: expect.arrayContaining(["apt.txt"]), focus: "periods of orbits" },
    });
  });
});
