import { createAdapters } from "../adapters/adapters.ts";
import type { CostEstimate } from "../authors/author.ts";
import { type Config, extractiveModel } from "../config.ts";
import { ConfigError } from "../errors.ts";
import { estimateJob } from "../jobs/estimate-job.ts";
import type { DistillRequest } from "./distill-request.ts";
import { exitStatus } from "./exit-status.ts";
import type { Terminal } from "./terminal.ts";

/** What a run would cost; nothing is run, and no model is asked. */
export async function showEstimate(terminal: Terminal, request: DistillRequest, json: boolean): Promise<number> {
  if (request.kind === "resume")
    throw new ConfigError({
      code: "estimate-of-resume",
      userMessage: "--estimate takes a repository, not --resume.",
    });
  const { source, config } = request;
  const { stdout, stderr, signal } = terminal;
  const warn = (text: string): void => void stderr.write(`${text}\n`);
  const models = { code: config.model_str_code, fast: config.model_str_fast, judge: config.model_str_judge };
  const asksNobody = config.model_str_code === extractiveModel;
  const estimate = asksNobody
    ? null
    : await estimateJob({ source, config, adapters: createAdapters({ host: terminal, warn }), signal });
  if (json) stdout.write(`${JSON.stringify({ models, maxCostUsd: config.max_cost_usd, estimate }, null, 2)}\n`);
  else stdout.write(estimate ? describeEstimate(estimate, config) : `${extractiveModel} asks no model: $0.\n`);
  return exitStatus.verified;
}

/** The estimate as a table for people. */
function describeEstimate({ rows, openingTokens }: CostEstimate, config: Config): string {
  const { model_str_code: code, model_str_fast: fast, model_str_judge: judge, max_cost_usd: limit } = config;
  const cells = [
    ["runs of the loop", "reading", "writing", "judging", "together"],
    ...rows.map(({ runs, readingUsd, writingUsd, judgingUsd, totalUsd }) => [
      String(runs),
      ...[readingUsd, writingUsd, judgingUsd, totalUsd].map(dollars),
    ]),
  ];
  const table = cells.map((row) =>
    row.map((cell, column) => (column === 0 ? cell.padEnd(18) : cell.padStart(10))).join(""),
  );
  return `${[
    `Estimate, by list prices: ${fast} reads, ${code} writes, ${judge} judges.`,
    "",
    ...table,
    "",
    `The writer is shown about ${openingTokens} tokens before it writes. A run stops before it could cost more than $${limit} (--max-cost).`,
    ...(rows.some(({ totalUsd }) => totalUsd === null)
      ? ["A price is not known: give it in the configuration as prices."]
      : []),
  ].join("\n")}\n`;
}

function dollars(amount: number | null): string {
  return amount === null ? "unknown" : `$${amount.toFixed(3)}`;
}
