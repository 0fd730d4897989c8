/**
 * What models cost a job, against the reference system doing the same work: npx node bench/cost.ts <folder of clones>
 *
 * The folder holds work trees of TextWorldExpress, chgnet and SMACT, under these names. A server on this machine speaks
 * the provider's protocol, counts tokens as cl100k does, keeps a prompt cache and writes its own bill. What models say
 * and what the sandbox does is scripted; everything in between is the product.
 */
import { join } from "node:path";
import type { SpendingRow } from "../src/models/spending.ts";
import { createContext } from "../test/support/author-context.ts";
import { runScripted, type ScriptedRun, type ScriptedRunOptions } from "./cost/scripted-run.ts";

/** Dollars of the reference system for the same three repositories, measured with the same prices and tokens. */
const reference: Record<string, Record<number, number>> = {
  TextWorldExpress: { 0: 0.37, 2: 1.03, 7: 2.79 },
  chgnet: { 0: 0.63, 2: 1.75, 7: 4.65 },
  SMACT: { 0: 0.62, 2: 1.64, 7: 4.31 },
};

type Series = Pick<ScriptedRunOptions, "style" | "failing" | "minutesARun"> & { title: string };
const usual: Series = {
  title: "Revisions by edits of about 1.5 KB",
  style: "edits",
  failing: "program",
  minutesARun: 2,
};
const harder: readonly Series[] = [
  { ...usual, title: "Every revision sends main.py whole (12 KB)", style: "whole files" },
  { ...usual, title: "Edits; the environment fails, so that its 39 KB of log count", failing: "environment" },
  { ...usual, title: "Edits; each run takes 6 minutes, so that the prompt cache forgets", minutesARun: 6 },
];

/** Ours over theirs, at most. */
const target = (failures: number): number => (failures === 0 ? 0.5 : 0.25);

const [folder] = process.argv.slice(2);
if (folder === undefined) throw new Error("Say where the clones are: npx node bench/cost.ts <folder of clones>");
const measured: Measured[] = [];
for (const series of [usual, ...harder]) {
  console.log(`\n## ${series.title}\n`);
  console.log("| repository | K | calls | prompt tokens, thousands | cached | dollars | reference | ratio |");
  console.log("|---|---|---|---|---|---|---|---|");
  for (const repository of Object.keys(reference)) {
    const context = { ...(await createContext(join(folder, repository))), maxProgramSeconds: 900 };
    for (const [failures, theirs] of Object.entries(reference[repository] ?? {})) {
      const run = await runScripted({ ...series, context, failures: Number(failures) });
      measured.push({ series, repository, failures: Number(failures), theirs, run });
      console.log(describe(measured.at(-1) as Measured));
    }
  }
}
printStages(measured.filter(({ series, failures }) => series === usual && failures !== 2));
printLedger(measured);

interface Measured {
  series: Series;
  repository: string;
  failures: number;
  theirs: number;
  run: ScriptedRun;
}

function describe({ repository, failures, theirs, run: { bill, dollars }, series }: Measured): string {
  const sum = (key: "inputTokens" | "cacheReadTokens"): number => bill.reduce((all, { usage }) => all + usage[key], 0);
  const ratio = dollars / theirs;
  const missed = series === usual && ratio > target(failures) ? `, misses ${target(failures)}` : "";
  const cached = `${Math.round((100 * sum("cacheReadTokens")) / sum("inputTokens"))} %`;
  return `| ${repository} | ${failures} | ${bill.length} | ${thousands(sum("inputTokens"))} | ${cached} | ${dollars.toFixed(3)} | ${theirs.toFixed(2)} | ${ratio.toFixed(2)}${missed} |`;
}

function printStages(runs: readonly Measured[]): void {
  console.log("\n## Where the tokens go: edits, thousands of tokens\n");
  console.log("| repository | K | stage | calls | prompt | from cache | into cache | answers | dollars |");
  console.log("|---|---|---|---|---|---|---|---|---|");
  for (const { repository, failures, run } of runs)
    for (const row of run.ledger) console.log(`| ${repository} | ${failures} | ${describeStage(row)} |`);
}

function describeStage({
  stage,
  calls,
  inputTokens,
  cacheReadTokens,
  cacheWriteTokens,
  outputTokens,
  costUsd,
}: SpendingRow): string {
  const tokens = [inputTokens, cacheReadTokens, cacheWriteTokens, outputTokens].map(thousands);
  return [stage, calls, ...tokens, (costUsd ?? Number.NaN).toFixed(3)].join(" | ");
}

/** The product adds up what it read in the answers, at its registry's prices; the server what it sent, at its own. */
function printLedger(runs: readonly Measured[]): void {
  const differences = runs.map(({ run: { dollars, ledger } }) => {
    const ours = ledger.reduce((all, { costUsd }) => all + (costUsd ?? Number.NaN), 0);
    return Math.abs(ours / dollars - 1);
  });
  console.log(
    `\nThe product's ledger and the server's bill differ by at most ${(100 * Math.max(...differences)).toPrecision(2)} % over ${runs.length} runs.`,
  );
}

function thousands(tokens: number): string {
  return (tokens / 1000).toFixed(1);
}
