import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { RunState } from "../../src/pipeline/run-state.ts";
import type { EndedCommand } from "./command-line.ts";

const Check = z.object({ result: z.string(), evidence: z.string() });

/** What `distill --json` prints, and nothing else. */
export const DistillResult = z.strictObject({
  outcome: z.string().nullable(),
  reasonCode: z.string().nullable(),
  explanation: z.string().nullable(),
  runFolder: z.string().nullable(),
  exampleFolder: z.string().nullable(),
  report: z.string().nullable(),
  repository: z.object({ name: z.string(), url: z.string().nullable(), commit: z.string().nullable() }).nullable(),
  checks: z.object({ executed: Check, grounded: Check, reproduced: Check, reviewed: Check }).nullable(),
  coreFunctionsCalled: z.array(z.string()),
  coreFunctionsNotCalled: z.array(z.string()),
  iterations: z.number(),
  seconds: z.number(),
  costUsd: z.number(),
  plan: z
    .array(z.object({ example: z.string(), title: z.string(), path: z.string(), place: z.string() }).loose())
    .nullable(),
});
export type DistillResult = z.infer<typeof DistillResult>;

export function parseResult({ stdout, stderr }: EndedCommand): DistillResult {
  try {
    return DistillResult.parse(JSON.parse(stdout));
  } catch (error) {
    throw new Error(`stdout is not one result: ${stdout}\nstderr: ${stderr}`, { cause: error });
  }
}

export function readState(runFolder: string): RunState {
  return RunState.parse(JSON.parse(readFileSync(join(runFolder, "current_state.json"), "utf8")));
}

/** The only folder of a run below an output folder. */
export function onlyRun(outputFolder: string): string {
  const [name, ...others] = readdirSync(outputFolder);
  if (name === undefined || others.length > 0) throw new Error(`${outputFolder} holds ${name ?? "no run"} ${others}`);
  return join(outputFolder, name);
}
