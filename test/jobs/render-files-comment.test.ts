import type { Code } from "mdast";
import { fromMarkdown } from "mdast-util-from-markdown";
import { describe, expect, it } from "vitest";
import { renderFilesComment } from "../../src/jobs/render-files-comment.ts";
import { verifiedRun } from "../support/sample-run.ts";
import { expectGolden } from "../templates/golden.ts";
import { expectInert } from "./expect-inert.ts";
import { formAttack } from "./sample-record.ts";

const files = { ...verifiedRun().state.distiller.iterations[1]?.draft.files, "metadata.json": "{}\n" };
const archiveUrl = "https://codedistiller.example/runs/5f0c/example.tar.gz";

const blocksOf = (markdown: string): Code[] => fromMarkdown(markdown).children.filter((node) => node.type === "code");

describe("the comment with an example's files", () => {
  it("is as it was", () => expectGolden("comment.files.md.txt", renderFilesComment({ files, archiveUrl })));

  it("has the texts whole, whatever fences they hold", () => {
    const main = 'TEXT = """\n```\n</details>\n`````\n"""\n\n\n<!-- x -->\nprint(1)';
    const [first] = blocksOf(renderFilesComment({ files: { ...files, "main.py": main }, archiveUrl: null }));
    expect(first?.value).toBe(main);
    expect(first?.lang).toBe("python");
  });

  it.each([
    ["code", "x = 1\n".repeat(50_000)],
    ["fences", "`".repeat(200_000)],
    ["what nobody sees", "\u202e".repeat(100_000)],
    ["hostile words", formAttack.repeat(300)],
  ])("fits with too much of %s, says so, and is inert", (_, text) => {
    const long = { "main.py": text, "requirements.txt": text, "runscript.sh": text, [formAttack]: "x" };
    const comment = renderFilesComment({ files: long, archiveUrl });
    expect(comment.length).toBeLessThan(64_000);
    expect(comment).toContain("What is left out of a file is marked in it.");
    expect(blocksOf(comment)).toHaveLength(3);
    const { links, tasks, markers, headings } = expectInert(comment);
    expect({ links, tasks, markers, headings }).toEqual({ links: [archiveUrl], tasks: [], markers: [], headings: 0 });
  });

  it("says where characters are shown by their numbers, and gives no link that is none", () => {
    const comment = renderFilesComment({ files: { "main.py": "x = '\u202e'" }, archiveUrl: "javascript:alert(1)" });
    expect(comment).toContain("x = '\\u202e'");
    expect(comment).toContain("shown by their numbers");
    expect(expectInert(comment).links).toEqual([]);
  });
});
