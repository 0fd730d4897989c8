/**
 * Distils every clone in a folder, each in a run of its own, and prints a table of what came out as Markdown.
 *
 *   npm run corpus -- <folder of clones> [--key <answers.json>] [--out <folder>] [--only <part of a name>] [--max-runtime-mins <n>]
 *
 * The answer key is a list of {repo: "owner/name", core_api, core_api_regex, core_api_min, expected_outcome}; a clone's folder is named
 * `name` or `owner__name`. It is read only here, after a run has ended: no run ever sees it.
 */
import { execFile } from "node:child_process";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { z } from "zod";

const AnswerKey = z.array(
  z.object({
    repo: z.string(),
    core_api: z.array(z.string()),
    core_api_regex: z.array(z.string()),
    core_api_min: z.number(),
    expected_outcome: z.string(),
  }),
);
type Answer = z.infer<typeof AnswerKey>[number];

const Result = z.object({
  outcome: z.string().nullable(),
  reasonCode: z.string().nullable(),
  explanation: z.string().nullable(),
  runFolder: z.string().nullable(),
  exampleFolder: z.string().nullable(),
  coreFunctionsCalled: z.array(z.string()),
  iterations: z.number(),
  seconds: z.number(),
});
type Result = z.infer<typeof Result>;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    key: { type: "string" },
    out: { type: "string", default: "output/corpus" },
    only: { type: "string" },
    "max-runtime-mins": { type: "string", default: "8" },
  },
});
const [folder] = positionals;
if (!folder) {
  console.error("Usage: npm run corpus -- <folder of clones> [--key <answers.json>] [--out <folder>] [--only <text>]");
  process.exit(2);
}
const answers = values.key ? AnswerKey.parse(JSON.parse(await readFile(values.key, "utf8"))) : [];
await mkdir(values.out, { recursive: true });
const rows: string[] = [
  "| repository | expected | outcome | reason | core functions of the key in main.py | core functions seen to run | iterations | seconds |",
  "|---|---|---|---|---|---|---|---|",
];
let crashes = 0;
for (const name of (await readdir(folder)).sort()) {
  if (values.only && !name.includes(values.only)) continue;
  const answer = answers.find(({ repo }) => repo.replace("/", "__") === name || repo.split("/")[1] === name);
  const { status, result } = await distil(resolve(folder, name));
  if (status === 1 || result === null) crashes++;
  rows.push(
    `| ${answer?.repo ?? name} | ${answer?.expected_outcome ?? ""} | ${result ? await describe(result, answer) : `exit status ${status} | | | | |`} |`,
  );
  console.log(rows.at(-1));
  await writeFile(join(values.out, "table.md"), `${rows.join("\n")}\n`);
}
console.log(`\n${rows.join("\n")}`);
process.exitCode = crashes > 0 ? 1 : 0;

function distil(repository: string): Promise<{ status: number; result: Result | null }> {
  const cli = fileURLToPath(new URL("../bin/codedistiller.js", import.meta.url));
  const argv = [
    cli,
    "distill",
    repository,
    "--out",
    values.out,
    "--max-runtime-mins",
    values["max-runtime-mins"],
    "--json",
  ];
  return new Promise((settle) => {
    const child = execFile(process.execPath, argv, { maxBuffer: 1 << 26 }, (error, stdout) => {
      const status = error ? (typeof error.code === "number" ? error.code : 1) : 0;
      const parsed = stdout ? Result.safeParse(JSON.parse(stdout)) : null;
      settle({ status, result: parsed?.success ? parsed.data : null });
    });
    child.stderr?.pipe(process.stderr);
  });
}

/** What of the answer key the written example and the evidence hold. */
async function describe(
  { outcome, reasonCode, exampleFolder, coreFunctionsCalled, iterations, seconds }: Result,
  answer: Answer | undefined,
): Promise<string> {
  const main = exampleFolder ? await readFile(join(exampleFolder, "main.py"), "utf8").catch(() => "") : "";
  const body = main.split("# Recording: everything below")[0] ?? "";
  const found =
    answer?.core_api.filter((_, index) => fromPythonPattern(answer.core_api_regex[index] ?? "$^").test(body)) ?? [];
  const key = answer
    ? `${found.length} of ${answer.core_api.length} (${answer.core_api_min} wanted)${found.length > 0 ? `: ${found.join(", ")}` : ""}`
    : "";
  return [
    outcome,
    reasonCode === outcome ? "" : reasonCode,
    key,
    coreFunctionsCalled.join(", "),
    iterations,
    Math.round(seconds),
  ].join(" | ");
}

/** The key's patterns are Python's, whose flags stand in front. */
function fromPythonPattern(pattern: string): RegExp {
  const [, flags = "", rest = pattern] = /^\(\?([ims]+)\)([\s\S]*)$/.exec(pattern) ?? [];
  return new RegExp(rest, flags.includes("m") ? flags : `${flags}m`);
}
