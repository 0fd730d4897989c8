import type { Outcome } from "../pipeline/outcome.ts";

/** What the process ends with; documented in the README and in `--help`. */
export const exitStatus = { verified: 0, error: 1, usage: 2, notVerified: 3, skipped: 4, cancelled: 130 } as const;

export function statusOfOutcome({ outcome }: Outcome): number {
  if (outcome === "verified") return exitStatus.verified;
  if (outcome === "skipped") return exitStatus.skipped;
  return outcome === "cancelled" ? exitStatus.cancelled : exitStatus.notVerified;
}
