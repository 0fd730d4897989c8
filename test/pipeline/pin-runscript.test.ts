import { execFileSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { writeRunscript } from "../../src/authors/extractive/write-runscript.ts";
import { pinRunscript } from "../../src/pipeline/pin-runscript.ts";
import { createContext, fixtureFolder, makeDecisions } from "../support/author-context.ts";

const pip = ".venv/bin/python -m pip install --no-input --progress-bar off";
const packages = ["numpy==1.26.4", "Cython==0.29.37", "torch==2.1.0+cpu", "h5py==3.10.0", "setuptools==80.9.0"];

describe("pinRunscript", () => {
  it("names the versions that were installed", () => {
    expect(pinRunscript(`${pip} 'setuptools<81' wheel "cython<3" numpy\n`, packages)).toBe(
      `${pip} setuptools==80.9.0 wheel cython==0.29.37 numpy==1.26.4\n`,
    );
    const torch = ".venv/bin/pip install torch[extra] --index-url https://download.pytorch.org/whl/cpu";
    expect(pinRunscript(torch, packages)).toBe(torch.replace("torch[extra]", "'torch[extra]==2.1.0'"));
  });

  it("leaves files, folders and the values of options", () => {
    for (const line of [
      `${pip} -r requirements.txt`,
      `${pip} --no-deps ./source`,
      `${pip} --no-binary numpy -e source/x`,
    ])
      expect(pinRunscript(line, packages)).toBe(line);
  });

  it("keeps of alternatives the one that succeeded, and nothing where all failed", () => {
    expect(pinRunscript(`a=1\n${pip} h5py || ${pip} tables\nb=2\n`, packages)).toBe(`a=1\n${pip} h5py==3.10.0\nb=2\n`);
    expect(pinRunscript(`a=1\n${pip} tables || ${pip} h5py\nb=2\n`, packages)).toBe(`a=1\n${pip} h5py==3.10.0\nb=2\n`);
    expect(pinRunscript(`a=1\n${pip} tables numpy || true\nb=2\n`, packages)).toBe("a=1\nb=2\n");
    expect(pinRunscript(`${pip} numpy || echo "no numpy"`, packages)).toBe(`${pip} numpy==1.26.4`);
  });

  it("keeps a command once where it is repeated at once", () => {
    expect(pinRunscript(`${pip} numpy\n\n# again\n${pip} 'numpy<2'\n`, packages)).toBe(
      `${pip} numpy==1.26.4\n\n# again\n`,
    );
    const between = `${pip} numpy==1.26.4\n${pip} -r more.txt\n${pip} numpy==1.26.4\n`;
    expect(pinRunscript(between, packages)).toBe(between);
  });

  it("reads a command of several lines", () => {
    expect(pinRunscript(`${pip} \\\n    numpy \\\n    h5py\nx=1\n`, packages)).toBe(
      `${pip} numpy==1.26.4 h5py==3.10.0\nx=1\n`,
    );
  });

  it("takes nothing out of what need not have run, and does not touch what a shell has to read", () => {
    for (const text of [
      `if true; then\n  ${pip} tables || true\nfi\n`,
      `for each in numpy; do ${pip} "$each"; done\n`,
      `${pip} numpy>1\n`,
      `${pip} $(cat list)\n`,
      `${pip} tables || exit 1\n`,
      `cat >setup.txt <<'END'\n${pip} tables || true\nEND\n`,
      `(cd source && ${pip} numpy) || true\n`,
      "cd source\nmake \\\n  all\n",
    ])
      expect(pinRunscript(text, packages)).toBe(text);
  });

  it("leaves a script that does as it did", async () => {
    const context = await createContext(fixtureFolder("legacy-lattice"));
    const decisions = makeDecisions({
      install: "pip-no-isolation",
      buildRequirements: ["setuptools<81", "cython<3"],
      port: true,
      systemPackages: ["libgl1"],
    });
    const text = writeRunscript(context, decisions, false);
    const pinned = pinRunscript(text, packages);
    expect(pinned).toBe(text.replace("'setuptools<81' 'cython<3'", "setuptools==80.9.0 cython==0.29.37"));
    execFileSync("bash", ["-n"], { input: pinned });
  });
});
