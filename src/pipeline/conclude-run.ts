import { rm, writeFile } from "node:fs/promises";
import type { AuthorContext } from "../authors/author.ts";
import { BudgetError } from "../errors.ts";
import { notMade } from "./assess-execution.ts";
import { bestIteration, describeReview } from "./check-best.ts";
import { decideOutcome } from "./decide-outcome.ts";
import { ReasonCode } from "./outcome.ts";
import { exists, type Run } from "./run.ts";
import type { RunState } from "./run-state.ts";
import { renderExampleReadme, writeReport } from "./write-report.ts";

/** Ends the writing where the next call could cost more than is left; any other error goes on. */
export async function stopForBudget(run: Run, error: unknown): Promise<void> {
  if (!(error instanceof BudgetError)) throw error;
  run.state.distiller.gaveUp = { outcome: "failed", reasonCode: "budget", explanation: error.userMessage };
  await run.save();
}

/** The verdict, the outcome, and the reports; the run is finished when this returns. */
export async function concludeRun(run: Run, { survey }: AuthorContext): Promise<void> {
  const { state } = run;
  const { distiller } = state;
  await run.stage("report", async () => {
    const best = bestIteration(run);
    if (best?.verdict) {
      distiller.verdict = {
        ...best.verdict,
        reproduced:
          best.reproduction?.check ?? notMade("only an example that ran and called the core functions is run again"),
        reviewed: describeReview(best),
      };
    }
    const gaveUp = distiller.gaveUp && {
      ...distiller.gaveUp,
      reasonCode: ReasonCode.parse(distiller.gaveUp.reasonCode),
    };
    const need = survey.needs.find(({ kind }) => kind === "api-key" || kind === "gpu");
    distiller.outcome = decideOutcome(
      distiller.verdict,
      (best?.execution?.evidence.functions.length ?? 0) > 0,
      gaveUp,
      need ? `needs ${need.kind === "gpu" ? "a GPU" : "an API key"} (${need.path}:${need.line})` : null,
    );
    const byRule = describeFallback(state);
    if (byRule) distiller.outcome = { ...distiller.outcome, explanation: `${distiller.outcome.explanation} ${byRule}` };
    const { outcome, explanation } = distiller.outcome;
    state.status = outcome === "verified" ? "COMPLETED" : "FAILED";
    state.status_message = explanation;
    state.is_finished = outcome === "verified";
    distiller.finishedAt = new Date().toISOString();
    if (best?.verdict?.executed.result === "passed")
      await writeFile(run.path("example", "README.md"), renderExampleReadme(state));
    if (distiller.feedback.length > 0) await tellWhatIsKept(run);
    // Before the outcome is saved: a run that has one is gone on with by a person's words only.
    await writeReport({ runFolder: run.folder, state, survey });
  });
  await rm(run.repositoryFolder, { recursive: true, force: true });
}

/** A revision that did not work publishes nothing: what lies there is from before it. */
async function tellWhatIsKept(run: Run): Promise<void> {
  const { notes } = run.state.distiller;
  const isNew = bestIteration(run)?.verdict?.executed.result === "passed";
  const others = notes.filter((note) => note !== keptNote);
  const isKept = !isNew && (await exists(run.path("example", "main.py")));
  run.state.distiller.notes = isKept ? [...others, keptNote] : others;
}

const keptNote = "The folder example/ holds the example from before what was asked for last: no later one ran.";

/** Where the rules' own example is the best there is, nobody may take it for the model's. */
function describeFallback({ distiller }: RunState): string | null {
  const best = distiller.best === null ? undefined : distiller.iterations[distiller.best];
  if (!best?.draft.preliminary || best.verdict?.executed.result !== "passed") return null;
  const { gaveUp, author } = distiller;
  const why = gaveUp && gaveUp.reasonCode !== "budget" ? ` (${gaveUp.explanation.replace(/\.$/, "")})` : "";
  return `The example was assembled by rule from the repository's own: ${author} wrote none that is better${why}.`;
}
