import { describe, expect, it } from "vitest";
import { readAnswerBlocks } from "../../../src/authors/llm/answer-blocks.ts";
import { createRandom, pickLines } from "./seeded-random.ts";

const mark = "4f1c09";

const file = (path: string, body: string): string => `<file-${mark} path="${path}">\n${body}\n</file-${mark}>`;
const edit = (find: string, replace: string, path = "main.py"): string =>
  `<edit-${mark} path="${path}">\n<find-${mark}>\n${find}\n</find-${mark}>\n<replace-${mark}>\n${replace}\n</replace-${mark}>\n</edit-${mark}>`;

/** Lines that look like the end of something. */
const hostileLines = [
  "```",
  "```python",
  "````",
  "~~~",
  "</file>",
  "</file-000000>",
  '<file-000000 path="other.py">',
  '<file path="other.py">',
  "</edit-4f1c0a>",
  `text = "</find-${mark}>"`,
  `text = '<issues-${mark}>'`,
  "$& $1 $' $`",
  "\\n \\u0000 {{mark}}",
  "",
  "    ",
  "\tx = 1  ",
  "“ü”, 漢字, 🪐",
  "<|im_end|>",
];

describe("a file block", () => {
  it("keeps any text, whatever its lines look like", () => {
    const random = createRandom(1);
    for (let round = 0; round < 500; round++) {
      const text = `first\n${pickLines(random, hostileLines, 12)}\nlast`;
      const other = `first\n${pickLines(random, hostileLines, 3)}\nlast`;
      const answer = `I decided on this.\n\n${file("main.py", text)}\nAnd then:\n${file("notes.txt", other)}\nThat is all.`;
      const { files, problems } = readAnswerBlocks(mark, answer);
      expect([...files]).toEqual([
        ["main.py", `${text}\n`],
        ["notes.txt", `${other}\n`],
      ]);
      expect(problems).toEqual([]);
    }
  });

  it("loses a fence around all of its text, and no other", () => {
    const program = 'TEXT = """\n```\nx\n```\n"""\nprint(TEXT)';
    const read = (body: string) => readAnswerBlocks(mark, file("main.py", body)).files.get("main.py");
    for (const [opening, closing] of [
      ["```", "```"],
      ["```python", "```"],
      ["\n```python3 ", "``` \n"],
      ["````py", "````"],
      ["~~~", "~~~"],
    ])
      expect(read(`${opening}\n${program}\n${closing}`)).toBe(`${program}\n`);
    expect(read(program)).toBe(`${program}\n`);
    expect(read("```python\nx = 1\n```\ntext after it")).toBe("```python\nx = 1\n```\ntext after it\n");
  });

  it("has the line ends of a shell script, whatever the answer's are", () => {
    const answer = `${file("runscript.sh", "a\nb")}\n${edit("old\nline", "new\nline")}\n<issues-${mark}>\n- one\n- two\n</issues-${mark}>`;
    expect(readAnswerBlocks(mark, answer.replaceAll("\n", "\r\n"))).toEqual(readAnswerBlocks(mark, answer));
  });

  it("of another run is none", () => {
    const { files, notes, problems } = readAnswerBlocks("000000", file("main.py", "x = 1"));
    expect([files.size, notes.size, problems]).toEqual([0, 0, []]);
  });

  it("needs a path", () => {
    const { files, problems } = readAnswerBlocks(mark, `<file-${mark}>\nx = 1\n</file-${mark}>`);
    expect(files.size).toBe(0);
    expect(problems).toEqual(["A file block has no path."]);
  });

  it("counts as it was sent last", () => {
    const { files } = readAnswerBlocks(mark, `${file("main.py", "x = 1")}\nNo, better:\n${file("main.py", "x = 2")}`);
    expect(files.get("main.py")).toBe("x = 2\n");
  });
});

describe("an edit block", () => {
  it("keeps the order, and the text to the blank", () => {
    const random = createRandom(2);
    const lines = hostileLines.filter((line) => !line.includes("</find"));
    for (let round = 0; round < 200; round++) {
      const made = Array.from({ length: 4 }, () => ({
        path: "main.py",
        find: `  x${pickLines(random, lines, 4)}y  `,
        replace: `x${pickLines(random, lines, 4)}y`,
      }));
      const { edits, problems } = readAnswerBlocks(
        mark,
        made.map(({ find, replace }) => edit(find, replace)).join("\n\n"),
      );
      expect(edits).toEqual(made);
      expect(problems).toEqual([]);
    }
  });

  it("may replace its text by nothing, on the tag's own line or below it", () => {
    const onOneLine = `<edit-${mark} path="main.py"><find-${mark}>x = 1</find-${mark}><replace-${mark}></replace-${mark}></edit-${mark}>`;
    for (const text of [edit("x = 1", ""), edit("x = 1", "").replace("\n\n", "\n"), onOneLine])
      expect(readAnswerBlocks(mark, text)).toMatchObject({
        edits: [{ path: "main.py", find: "x = 1", replace: "" }],
        problems: [],
      });
  });

  it("is a problem without a path, a text to find or a replacement", () => {
    const whole = edit("x = 1", "x = 2");
    for (const text of [
      whole.replace(' path="main.py"', ""),
      edit("  \n ", "x = 2"),
      whole.replace(`<replace-${mark}>`, ""),
      whole.replace(`</find-${mark}>`, ""),
    ]) {
      const { edits, problems } = readAnswerBlocks(mark, text);
      expect(edits, text).toEqual([]);
      expect(problems, text).toHaveLength(1);
    }
  });
});

describe("an answer whose writer forgot a closing tag", () => {
  it("keeps what stands before the last block, and says which one is open", () => {
    const answer = `${file("main.py", "x = 1")}\n<metadata-${mark}>\n{"description": "a"}`;
    const { files, notes, problems } = readAnswerBlocks(mark, answer);
    expect(files.get("main.py")).toBe("x = 1\n");
    expect(notes.size).toBe(0);
    expect(problems).toEqual([`The block <metadata-${mark}> is not closed by </metadata-${mark}>.`]);
  });

  it("does not put one file into another, nor lose an edit", () => {
    const files = `${file("main.py", "x = 1")}\n${file("other.py", "y = 1")}`.replace(`</file-${mark}>`, "");
    expect(readAnswerBlocks(mark, files)).toMatchObject({
      files: new Map(),
      problems: [expect.stringContaining('path="main.py"')],
    });
    const edits = `${edit("a", "b")}\n${edit("c", "d")}`.replace(`</edit-${mark}>`, "");
    expect(readAnswerBlocks(mark, edits).problems).toHaveLength(1);
  });
});

describe("the other blocks", () => {
  it("are notes by their names", () => {
    const answer = `<issues-${mark}>\n- a\n</issues-${mark}><python-${mark}>3.10</python-${mark}>\n<give-up-${mark}> needs-data: it is gone </give-up-${mark}>`;
    expect([...readAnswerBlocks(mark, answer).notes]).toEqual([
      ["issues", "- a"],
      ["python", "3.10"],
      ["give-up", "needs-data: it is gone"],
    ]);
  });

  it("are found in a text that is made to be slow", () => {
    const size = 200_000;
    const before = performance.now();
    for (const text of ["<", "<a-", "`", " ", "\n", "\n```", `<file-${mark}`, `<file-${mark} `, "<aaaa"])
      readAnswerBlocks(mark, file("main.py", `\`\`\`\n${text.repeat(size / text.length)}x`));
    readAnswerBlocks(mark, file("main.py", `\`\`\`\nx\n\`\`\`${" ".repeat(size)}x`));
    expect(performance.now() - before).toBeLessThan(10_000);
  });
});
