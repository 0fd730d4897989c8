import { redactSecrets } from "../log.ts";
import { makeStorableText } from "../store/storable.ts";

const mostCharacters = 4000;

/** An error as the queue may keep it: its words alone, since errors of clients carry requests, and those their tokens. */
export function clearError(error: unknown): Error {
  const clean = (text: string): string => redactSecrets(makeStorableText(text)).slice(0, mostCharacters);
  const cleared = new Error(clean(error instanceof Error ? error.message : String(error)));
  const stack = error instanceof Error ? error.stack : undefined;
  if (stack !== undefined) cleared.stack = clean(stack);
  return cleared;
}
