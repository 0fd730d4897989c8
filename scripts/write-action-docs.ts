/** Writes the tables of docs/action.md from action.yml; `--check` fails where they are out of date. */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";
import { z } from "zod";

const Manifest = z.object({
  inputs: z.record(z.string(), z.object({ description: z.string(), default: z.string() })),
  outputs: z.record(z.string(), z.object({ description: z.string() })),
});

const path = fileURLToPath(new URL("../docs/action.md", import.meta.url));
const page = readFileSync(path, "utf8");
const written = writeTables(
  page,
  Manifest.parse(parse(readFileSync(fileURLToPath(new URL("../action.yml", import.meta.url)), "utf8"))),
);
if (!process.argv.includes("--check")) writeFileSync(path, written);
else if (written !== page) {
  process.stderr.write("docs/action.md does not match action.yml: npm run docs:action\n");
  process.exitCode = 1;
}

function writeTables(text: string, { inputs, outputs }: z.infer<typeof Manifest>): string {
  const inputRows = Object.entries(inputs).map(([name, input]) => [
    `\`${name}\``,
    input.description,
    input.default && `\`${input.default}\``,
  ]);
  const outputRows = Object.entries(outputs).map(([name, { description }]) => [`\`${name}\``, description]);
  const withInputs = replaceBetween(text, "inputs", renderTable(["input", "meaning", "default"], inputRows));
  return replaceBetween(withInputs, "outputs", renderTable(["output", "meaning"], outputRows));
}

function renderTable(head: readonly string[], rows: readonly string[][]): string {
  const lines = [head, head.map(() => "---"), ...rows];
  return lines.map((cells) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`).join("\n");
}

/** What stands between the page's marks of this name; everything else is written by hand. */
function replaceBetween(text: string, name: string, table: string): string {
  const [start, end] = [`<!-- ${name} of action.yml -->`, `<!-- end of ${name} -->`];
  const from = text.indexOf(start);
  const to = text.indexOf(end);
  if (from < 0 || to < from) throw new Error(`docs/action.md has no marks ${start} and ${end}.`);
  return `${text.slice(0, from)}${start}\n\n${table}\n\n${text.slice(to)}`;
}
