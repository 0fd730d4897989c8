import type { Author } from "../authors/author.ts";
import type { Feedback, Iteration, RunState } from "./run-state.ts";

/** The iterations that may still be published: after a person's words only those that came of them. */
export function currentIterations({ distiller: { iterations, feedback } }: RunState): Iteration[] {
  return iterations.slice(feedback.at(-1)?.iteration ?? 0);
}

/** What a person asked for and no draft answers yet; null where there is nothing. */
export function pendingFeedback({ distiller: { iterations, feedback } }: RunState): Feedback | null {
  const last = feedback.at(-1);
  return last?.iteration === iterations.length ? last : null;
}

/** The iteration that an author goes on from with a person's words; null where a fresh draft has to answer them. */
export function iterationToRevise(
  { distiller: { iterations } }: RunState,
  { from }: Feedback,
  author: Pick<Author, "answersObjections">,
): Iteration | null {
  return author.answersObjections && from !== null ? (iterations[from] ?? null) : null;
}

/** What an example is to show: where a fresh draft answers a person's words, these. */
export function focusOf(state: RunState, author: Pick<Author, "answersObjections">): string | null {
  const { config, feedback } = state.distiller;
  const last = feedback.at(-1);
  if (!last || iterationToRevise(state, last, author)) return config.focus;
  return last.text.replace(/\s+/g, " ").slice(0, maxFocusCharacters);
}

/** As many as the configuration allows. */
const maxFocusCharacters = 500;
