import { DistillerError, SandboxError, throwIfCancelled } from "../errors.ts";
import { type SandboxProvider, usualBounds } from "./sandbox.ts";

/** A start waits no longer for what dead runs left to be gone, in milliseconds. */
const usualLongestMs = 30_000;
/** With these no run could begin either. */
const fatalCodes = ["sandbox-credentials", "sandbox-unavailable"];

export interface ReapAtStartOptions {
  onProgress: (text: string) => void;
  signal?: AbortSignal | undefined;
  /** In milliseconds. */
  longestMs?: number;
}

/** Removes what dead runs left, where that can be done now: the next start, or `reap`, finds it again. */
export async function reapAtStart(
  reap: SandboxProvider["reap"],
  { onProgress, signal, longestMs = usualLongestMs }: ReapAtStartOptions,
): Promise<void> {
  throwIfCancelled(signal);
  const tooLong = AbortSignal.timeout(longestMs);
  try {
    await reap({ ...usualBounds, signal: signal ? AbortSignal.any([signal, tooLong]) : tooLong });
  } catch (error) {
    throwIfCancelled(signal);
    if (error instanceof SandboxError && fatalCodes.includes(error.code)) throw error;
    onProgress(
      `what earlier runs left could not be removed now: ${tooLong.aborted ? "it takes too long" : say(error)}`,
    );
  }
}

function say(error: unknown): string {
  if (error instanceof DistillerError) return error.userMessage;
  return error instanceof Error ? error.message : String(error);
}
