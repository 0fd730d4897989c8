import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { RunFolderError } from "../errors.ts";
import { readRunState } from "../pipeline/run-state.ts";
import { writeReport } from "../pipeline/write-report.ts";
import { Survey } from "../repository/survey.ts";
import { exitStatus } from "./exit-status.ts";
import type { Terminal } from "./terminal.ts";

export async function runReport({ workingFolder, stdout }: Terminal, run: string): Promise<number> {
  const runFolder = resolve(workingFolder, run);
  const state = await readRunState(runFolder);
  if (!state.distiller.outcome) {
    throw new RunFolderError({
      code: "run-unfinished",
      userMessage: `${run} is not finished (${state.status_message}). Go on with: codedistiller distill --resume ${run}`,
    });
  }
  const text = await readFile(join(runFolder, "survey.json"), "utf8").catch(() => null);
  const survey = text === null ? null : (Survey.safeParse(JSON.parse(text)).data ?? null);
  await writeReport({ runFolder, state, survey });
  stdout.write(`${join(runFolder, "report.html")}\n${join(runFolder, "REPORT.md")}\n`);
  return exitStatus.verified;
}
