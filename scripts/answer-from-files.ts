/**
 * Answers one prompt of CodeDistiller's from a folder of written answers, as a model would:
 *
 *   codedistiller distill <repository> --model "command/node scripts/answer-from-files.ts <folder>"
 *
 * The folder holds summary.json, classification.json (entries by path), draft.md, revision-1.md and so on, and
 * judgement.json; MARK in them stands for the mark of the run. It says nothing to a prompt it has no answer for.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

const folder = process.argv[2] ?? ".";
const prompt = readFileSync(0, "utf8");
const mark = /<data-([0-9a-f]{6})/.exec(prompt)?.[1] ?? "";

process.stdout.write(answer());

function answer(): string {
  if (prompt.startsWith("You write small")) {
    const turns = prompt.split("\n## Assistant\n").length - 1;
    return read(turns === 0 ? "draft.md" : `revision-${turns}.md`).replaceAll("MARK", mark);
  }
  if (prompt.startsWith("You review")) return read("judgement.json");
  return prompt.includes("Classify these files") ? classify() : read("summary.json");
}

function classify(): string {
  const known = JSON.parse(read("classification.json")) as Record<string, object>;
  const files = [...prompt.matchAll(/^File (\d+): (.*) \(\w+, \d+ bytes\)$/gm)].flatMap(([, number, path = ""]) =>
    known[path] ? [{ number: Number(number), ...known[path] }] : [],
  );
  return JSON.stringify({ files });
}

function read(name: string): string {
  const path = join(folder, name);
  return existsSync(path) ? readFileSync(path, "utf8") : "";
}
