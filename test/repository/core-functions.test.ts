import { describe, expect, it } from "vitest";
import { surveyRepository } from "../../src/repository/survey.ts";
import { makeFolder } from "../support/author-context.ts";

async function coreOf(content: Parameters<typeof makeFolder>[0]): Promise<string[]> {
  await using folder = await makeFolder(content);
  const { coreFunctions } = await surveyRepository({ folder: folder.path });
  return coreFunctions.map(({ path, qualifiedName }) => `${path}:${qualifiedName}`);
}

const spectra = {
  "setup.py": "from setuptools import setup\nsetup(name='spectra', packages=['spectra'])\n",
  "spectra/__init__.py": "from .peaks import find_peaks, mean\n",
  "spectra/peaks.py": "def find_peaks(x):\n    return x\n\n\ndef mean(x):\n    return x\n",
};

describe("the core functions of a repository", () => {
  it("are not those whose names helpers of the tests share", async () => {
    const core = await coreOf({
      ...spectra,
      "README.md": "```python\nfrom spectra import find_peaks\n\nfind_peaks([1])\n```\n",
      "tests/__init__.py": "",
      "tests/util.py": "def mean(x):\n    return sum(x)\n",
      "tests/test_peaks.py":
        "from spectra import find_peaks\nfrom .util import mean\n\n\ndef test_a():\n    assert mean(find_peaks([1])) == mean([1])\n    mean([2])\n",
    });
    expect(core).toEqual(["spectra/peaks.py:find_peaks"]);
  });

  it("are reached from tests inside the package by its relative imports", async () => {
    const core = await coreOf({
      ...spectra,
      "spectra/tests/__init__.py": "",
      "spectra/tests/test_mean.py": "from ..peaks import mean\n\n\ndef test_mean():\n    assert mean([1])\n",
    });
    expect(core).toEqual(["spectra/peaks.py:mean"]);
  });

  it("do not open windows, where anything else is there", async () => {
    const window = "import tkinter as tk\n\n\ndef center_window(w):\n    return tk.Tk()\n\n\ncenter_window(1)\n";
    const used = "from window import center_window\nfrom spectra import mean\n\ncenter_window(2)\nmean([1])\n";
    expect(await coreOf({ ...spectra, "window.py": window, "examples/run.py": used })).toEqual([
      "spectra/peaks.py:mean",
    ]);
    expect(
      await coreOf({ "window.py": window, "examples/run.py": "from window import center_window\ncenter_window(3)\n" }),
    ).toEqual(["window.py:center_window"]);
  });

  it("are found in a notebook that is large for the pictures it printed", async () => {
    const picture = "iVBOR".repeat(300_000);
    const cell = (source: string) => ({
      cell_type: "code",
      source,
      metadata: {},
      execution_count: 1,
      outputs: [{ output_type: "display_data", data: { "image/png": picture }, metadata: {} }],
    });
    const notebook = {
      nbformat: 4,
      nbformat_minor: 5,
      metadata: {},
      cells: [cell("from spectra import mean\nmean([1])")],
    };
    expect(await coreOf({ ...spectra, "examples/use.ipynb": JSON.stringify(notebook) })).toContain(
      "spectra/peaks.py:mean",
    );
  });
});
