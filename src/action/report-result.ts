import { error, notice, setOutput, summary, warning } from "@actions/core";
import { advise } from "../jobs/advise.ts";
import { plainLine } from "../jobs/cut-line.ts";
import { redactSecrets } from "../log.ts";
import type { ActionResult } from "./action-result.ts";
import { composeOutputs } from "./compose-outputs.ts";
import { renderJobSummary } from "./job-summary.ts";
import { failsStep } from "./summarize-results.ts";

/** Tells what came of it: outputs for other steps, the job's summary for people, annotations for what failed. */
export async function reportResult({
  result,
  failOn,
  runUrl,
}: {
  result: ActionResult;
  failOn: "error" | "not-verified" | "never";
  runUrl: string;
}): Promise<void> {
  for (const [name, value] of Object.entries(composeOutputs(result))) setOutput(name, value);
  await writeSummary(renderJobSummary({ result, runUrl, wroteAt: new Date() }));
  const annotate = failsStep(result, failOn) ? error : warning;
  for (const { verdict, reasonCode, explanation, advice, repository } of result.examples) {
    const title = plainLine(`${repository}: ${verdict} (${reasonCode})`, 200);
    const words = redactSecrets(plainLine(`${explanation}${advice ? ` ${advice}` : ""}`, 2000));
    if (verdict === "verified") notice(words, { title });
    else annotate(words, { title });
  }
  if (result.examples.length > 0) return;
  const { verdict, reasonCode, explanation } = result;
  const advice = advise({ outcome: verdict, reasonCode, door: "workflow" });
  const words = redactSecrets(plainLine(`${explanation}${advice ? ` ${advice}` : ""}`, 2000));
  if (verdict === "error") annotate(words, { title: `CodeDistiller: ${reasonCode}` });
  else notice(words, { title: "CodeDistiller" });
}

/** Older servers keep none, and a full disk is no reason to lose what was found. */
async function writeSummary(text: string): Promise<void> {
  try {
    await summary.addRaw(redactSecrets(text), true).write();
  } catch (cause) {
    warning(plainLine(`No job summary was written: ${cause instanceof Error ? cause.message : String(cause)}`, 300));
  }
}
