import { ConfigError } from "../errors.ts";
import { compareAttempts } from "../pipeline/decide-outcome.ts";
import { currentIterations } from "../pipeline/feedback.ts";
import type { Feedback, Iteration, RunState } from "../pipeline/run-state.ts";

/** What a person wants of a run that has ended. */
export interface RevisionRequest {
  feedback?: string | undefined;
  feedbackId?: string | undefined;
  dryRun: boolean;
}

/** As many characters as somebody writes by hand; a model is shown all of them. */
const maxFeedbackCharacters = 4000;

/** Whether a run has to begin a revision; false where it stands in the one that is asked for, or had it. Throws ConfigError. */
export function needsNewRevision(state: RunState, { feedback, feedbackId, dryRun }: RevisionRequest): boolean {
  if (feedback === undefined) return false;
  const { outcome, feedback: earlier } = state.distiller;
  if (feedbackId !== undefined && earlier.some(({ id }) => id === feedbackId)) return false;
  const text = feedback.trim();
  if (outcome === null && earlier.at(-1)?.text === text) return false;
  if (text === "") throw refuse("feedback-empty", "Say what to change: the feedback is empty.");
  if (text.length > maxFeedbackCharacters)
    throw refuse("feedback-too-long", `The feedback is longer than ${maxFeedbackCharacters} characters: shorten it.`);
  if (dryRun) throw refuse("feedback-in-dry-run", "A dry run revises nothing: leave the feedback or --dry-run out.");
  if (outcome === null)
    throw refuse("feedback-too-early", "The run has not ended: let it end by --resume without feedback first.");
  return true;
}

/** Opens a run that has ended for a person's words. What it published stays where it is until something better is found. */
export function beginRevision(state: RunState, { feedback = "", feedbackId }: RevisionRequest): void {
  const { distiller } = state;
  const entry: Feedback = {
    text: feedback.trim(),
    id: feedbackId ?? null,
    iteration: distiller.iterations.length,
    from: indexToRevise(state),
    at: new Date().toISOString(),
  };
  distiller.feedback.push(entry);
  Object.assign(distiller, {
    outcome: null,
    verdict: null,
    gaveUp: null,
    finishedAt: null,
    sentBack: null,
    best: null,
  });
  Object.assign(state, { is_finished: false, code: null, requirements: null, runscript: null, metadata: null });
  Object.assign(state, { execution_result: null, error_information: null });
}

/** The one that was published, or else the best that ran; of no use without what its author remembers of it. */
function indexToRevise(state: RunState): number | null {
  const { iterations, best, feedback } = state.distiller;
  const isUsable = ({ execution, draft }: Iteration): boolean => execution !== null && draft.memory !== null;
  const usable = currentIterations(state).filter(isUsable);
  const published = usable.find(({ index }) => index === best);
  const [better] = usable.toSorted((a, b) => compareAttempts(b, a) || b.index - a.index);
  // Words that nothing came of leave the example that they were about.
  const before = iterations.filter(isUsable).find(({ index }) => index === feedback.at(-1)?.from);
  return (published ?? better ?? before)?.index ?? null;
}

function refuse(code: string, userMessage: string): ConfigError {
  return new ConfigError({ code, userMessage });
}
