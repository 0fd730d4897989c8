import { drawBars } from "./report-chart.ts";
import { formatDollars, formatSeconds } from "./report-format.ts";
import type { RunState } from "./run-state.ts";

/** Time and money of a run, by stage, iteration and model. */
export function describeCost({ costs, runtimes, total_cost, total_runtime_secs, distiller }: RunState) {
  const { iterations, spending } = distiller;
  const stages = [...new Set([...Object.keys(runtimes), ...Object.keys(costs)])];
  const rows = <T extends Record<string, number>>(values: T) =>
    stages.map((name) => ({ name, value: values[name] ?? 0 }));
  return {
    stages: stages.map((name) => ({
      name,
      seconds: formatSeconds(runtimes[name] ?? 0),
      dollars: formatDollars(costs[name] ?? 0),
    })),
    totalSeconds: formatSeconds(total_runtime_secs),
    totalDollars: formatDollars(total_cost),
    charts: [
      drawBars("Time by stage", rows(runtimes), formatSeconds),
      drawBars("Cost by stage", rows(costs), formatDollars),
    ].filter((chart) => chart !== null),
    models: spending.map((row) => ({
      stage: row.stage,
      model: row.model,
      calls: String(row.calls),
      inputTokens: formatCount(row.inputTokens),
      cacheReadTokens: formatCount(row.cacheReadTokens),
      cacheWriteTokens: formatCount(row.cacheWriteTokens),
      outputTokens: formatCount(row.outputTokens),
      dollars: row.costUsd === null ? "unknown" : formatDollars(row.costUsd),
    })),
    unknownPrice: spending.some(({ costUsd }) => costUsd === null),
    iterations: iterations.map(({ index, seconds, execution }) => ({
      index,
      seconds: formatSeconds(seconds),
      environment: execution ? describeTime(execution.environment) : "",
      program: execution?.program ? describeTime(execution.program) : "",
      memory: execution?.program?.peakMemoryMb ? `${Math.round(execution.program.peakMemoryMb)} MiB` : "",
    })),
  };
}

function describeTime({ reused, seconds }: { reused: boolean; seconds: number }): string {
  return reused ? "reused" : formatSeconds(seconds);
}

function formatCount(tokens: number): string {
  return tokens.toLocaleString("en");
}
