import { describe, expect, it } from "vitest";
import { FileClassification } from "../../../src/authors/author.ts";
import { parseCommands } from "../../../src/authors/extractive/command-line.ts";
import { classifyFiles, summarizeRepository } from "../../../src/authors/extractive/summarize.ts";
import { createContext, fixtureFolder, makeFolder } from "../../support/author-context.ts";

describe("summarizeRepository", () => {
  it("says what the metadata and the first paragraph say, without badges and links", async () => {
    await using folder = await makeFolder({
      "README.md": "# Tool\n\n[![ci](a.svg)](b)\n\nFits *many* peaks with [numpy](https://numpy.org) quickly.\n",
    });
    const { description } = await summarizeRepository(await createContext(folder.path));
    expect(description).toBe("Fits *many* peaks with numpy quickly.");
  });

  it("is not slowed by badges and brackets without end", async () => {
    for (const piece of ["[![](", "![", "<", "`", "[a]("]) {
      await using folder = await makeFolder({ "README.md": `# x\n\n${piece.repeat(10_000)}\n` });
      const context = await createContext(folder.path);
      const started = performance.now();
      await summarizeRepository(context);
      expect(performance.now() - started).toBeLessThan(4000);
    }
  });
});

describe("classifyFiles", () => {
  it("gives every file the reference system's keys, rated from 1 to 5, best first", async () => {
    const { survey } = await createContext(fixtureFolder("orbital-elements"));
    const classified = classifyFiles(survey).map((each) => FileClassification.parse(each));
    expect(classified[0]?.how_relevant_rating).toBe(5);
    expect(classified.find(({ path }) => path === "README.md")).toMatchObject({
      classification: "documentation_example",
      how_relevant_rating: 5,
    });
    expect(classified.find(({ path }) => path === "examples/iss_ground_track.py")).toMatchObject({
      classification: "code_example",
      stand_alone_example: true,
    });
  });
});

describe("parseCommands", () => {
  it("reads commands that run the repository's own scripts, and no others", async () => {
    await using folder = await makeFolder({ "run.py": "x = 1\n", "bin/go.py": "x = 1\n", "setup.py": "" });
    const { survey } = await createContext(folder.path);
    const text =
      "$ python3 run.py a 'b c'\npython run.py <file>\npython run.py | sh\npython absent.py\npython setup.py install\ncd bin\n./go.py 3\npython run.py; touch x\n";
    expect(parseCommands(text, "README.md", survey)).toMatchObject([
      { path: "run.py", arguments: ["a", "b c"], workingFolder: "" },
      { path: "bin/go.py", arguments: ["3"], workingFolder: "bin" },
    ]);
  });
});
