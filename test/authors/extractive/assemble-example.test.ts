import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { searchOf } from "../../../src/authors/extractive/candidate.ts";
import { createExtractiveAuthor } from "../../../src/authors/extractive/extractive-author.ts";
import { findCandidates } from "../../../src/authors/extractive/find-candidates.ts";
import type { Draft } from "../../../src/example/example.ts";
import { createContext, fixtureFolder, fixtureNames, makeFolder } from "../../support/author-context.ts";

const run = promisify(execFile);

async function draftOf(folder: string): Promise<Draft | null> {
  const outcome = await createExtractiveAuthor().draft(await createContext(folder));
  return outcome.kind === "drafted" ? outcome.draft : null;
}

async function compileProgram(draft: Draft): Promise<void> {
  await using folder = await makeFolder();
  const path = join(folder.path, "main.py");
  await writeFile(path, draft.files["main.py"] ?? "");
  await run("python3", ["-W", "error", "-m", "py_compile", path]);
}

/** The bodies of `example1()` and so on, by name. */
function bodiesOf(main: string): Map<string, string[]> {
  const examples = main.slice(0, main.indexOf("\nEXAMPLES = ["));
  const parts = examples.split(/^def (example\d+)\(\):\n/m).slice(1);
  const bodies = new Map<string, string[]>();
  for (let index = 0; index < parts.length; index += 2)
    bodies.set(parts[index] ?? "", (parts[index + 1] ?? "").split("\n"));
  return bodies;
}

/** A line as it stands in a document: without margin, console prompt, or what the assembly declares to add. */
function essence(line: string): string {
  return line
    .trim()
    .replace(/^(>>>|\.\.\.) ?/, "")
    .replace(/^# /, "")
    .replace(/^print\(repr\((.*)\)\)$/, "$1")
    .replace(/ {2}\(at the top of this file\)$/, "")
    .trim();
}

/** Lines that the assembly writes itself: none of them calls the repository. */
const ownLine =
  /^("""|# Changed: |return (collect\(locals\(\)\)|run_script\(|\{)|"[\w.]+": call\(|\}$|sys\.stdin = |# \S.*, (lines? [\d-]+|cell \d+)$)/;

const repositories: Record<string, Record<string, string>> = {
  "with a hostile title and path": {
    "pkg/__init__.py": 'def f(x):\n    """Doc \\N{x} \\\\ """\n    return x\n',
    "README.md": `# Title """ \\ \u202e ends with \\ and "\n\n\`\`\`python\nfrom pkg import f\ny = f(1)\nprint(y)\n\`\`\`\n`,
    LICENSE: "x",
    'examples/a"""b\\.py': "from pkg import f\nz = f(2)\nprint(z)\n",
    "examples/new\nline.py": "from pkg import f\nz = f(2)\nprint(z)\n",
    "examples/\u202egpj.py": "from pkg import f\nz = f(3)\nprint(z)\n",
  },
  "with a hostile description": {
    "pyproject.toml": `[project]\nname = "pkg"\ndescription = '''x """ \\ \\N{bad} \u2028 ends with "'''\n[build-system]\nrequires = []\n`,
    "pkg.py": "def f(x):\n    return x\n",
    "README.md": "```python\nimport pkg\npkg.f(1)\n```\n",
  },
  "whose example holds strings of several lines, fences and tokens": {
    "pkg.py": "def f(x):\n    return x\n",
    "README.md":
      '````python\nimport pkg\ntext = """\n```\n<|endoftext|> {{title}}\n"""\npkg.f(text)\nif text:\n\tpkg.f(1)\n````\n',
  },
  "whose example has a future import and a star import": {
    "pkg.py": "def f(x):\n    return x\n",
    "README.md": "```python\nfrom __future__ import annotations\nfrom pkg import *\nf(1)\n```\n",
  },
};

describe("the first draft", () => {
  it.each(fixtureNames.map((name) => [name]))(
    "of %s is valid Python and calls nothing that the repository does not",
    async (name) => {
      const folder = fixtureFolder(name);
      const context = await createContext(folder);
      const outcome = await createExtractiveAuthor().draft(context);
      if (outcome.kind !== "drafted") return expect(name).toBe("gpu-diffusion-net");
      const { draft } = outcome;
      await compileProgram(draft);
      const bodies = bodiesOf(draft.files["main.py"] ?? "");
      expect(bodies.size).toBe(draft.provenance.length);
      for (const { example, path, changes } of draft.provenance) {
        const text = (await context.readText(path)) ?? "";
        const snippets = context.survey.snippets.filter((snippet) => snippet.path === path).map(({ code }) => code);
        const known = new Set([text, ...snippets].join("\n").split("\n").map(essence));
        const invented = (bodies.get(example) ?? []).filter(
          (line) =>
            line.replace("#", "").trim() !== "" &&
            !ownLine.test(line.trim()) &&
            !known.has(essence(line)) &&
            !changes.some((change) => change.includes(line.trim())),
        );
        expect(invented).toEqual([]);
      }
    },
  );

  it.each(Object.keys(repositories).map((name) => [name]))("of a repository %s is valid Python", async (name) => {
    await using folder = await makeFolder(repositories[name]);
    const draft = await draftOf(folder.path);
    if (!draft) throw new Error("nothing was drafted");
    await compileProgram(draft);
    expect(draft.files["main.py"]).not.toMatch(/[\u202a-\u202e\u2066-\u2069]/);
  });

  it("keeps a string of several lines to the letter", async () => {
    await using folder = await makeFolder(
      repositories["whose example holds strings of several lines, fences and tokens"],
    );
    expect((await draftOf(folder.path))?.files["main.py"]).toContain('text = """\n```\n<|endoftext|> {{title}}\n"""\n');
  });

  it("chooses the same candidates in the same order each time", async () => {
    for (const name of fixtureNames) {
      const list = async () =>
        (await findCandidates(searchOf(await createContext(fixtureFolder(name))))).map(({ id, score }) => [id, score]);
      expect(await list()).toEqual(await list());
    }
  });

  it("begins with what each sample shows first", async () => {
    const first = async (name: (typeof fixtureNames)[number]) =>
      (await draftOf(fixtureFolder(name)))?.provenance[0]?.path;
    expect(await first("orbital-elements")).toBe("README.md");
    expect(await first("peakfinder")).toMatch(/^tests\//);
    expect(await first("legacy-lattice")).toBe("ising.py");
    expect(await first("reaction-diffusion-scripts")).toMatch(/^(gray_scott\.py|demo\.ipynb)$/);
  });

  it("does not take a module of doc strings and constants for a script", async () => {
    for (const name of fixtureNames) {
      const candidates = await findCandidates(searchOf(await createContext(fixtureFolder(name))));
      expect(candidates.map(({ id }) => id)).not.toContain("onsager.py");
      expect(candidates.filter(({ id, kind }) => kind === "script" && /__init__\.py$/.test(id))).toEqual([]);
    }
  });

  it("skips a repository that needs a GPU, and says where that is said", async () => {
    const outcome = await createExtractiveAuthor().draft(await createContext(fixtureFolder("gpu-diffusion-net")));
    expect(outcome).toMatchObject({ kind: "gave-up", outcome: "skipped", reasonCode: "needs-gpu" });
  });

  it("skips a repository without anything to run, in words", async () => {
    await using empty = await makeFolder({ "README.md": "# Nothing\n" });
    expect(await createExtractiveAuthor().draft(await createContext(empty.path))).toMatchObject({
      kind: "gave-up",
      outcome: "skipped",
      reasonCode: "no-example-found",
    });
    await using fortran = await makeFolder({ "a.f90": "subroutine x\nend\n" });
    expect(await createExtractiveAuthor().draft(await createContext(fortran.path))).toMatchObject({
      reasonCode: "not-python",
    });
  });
});
