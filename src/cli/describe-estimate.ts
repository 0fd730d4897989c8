import type { CostEstimate } from "../authors/author.ts";
import type { Config } from "../config.ts";

/** The estimate as a table for people. */
export function describeEstimate({ rows, openingTokens }: CostEstimate, config: Config): string {
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
