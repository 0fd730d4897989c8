import { z } from "zod";

const Place = z.object({ number: z.number().int(), url: z.string() });

/** What became of one example. Its texts may hold words from outside. */
export const ExampleResult = z.object({
  /** `owner/name`, or the address of what the example is of. */
  repository: z.string(),
  /** The example lies, or would lie, in `examples/<slug>/`. */
  slug: z.string(),
  /** `distilled`: written anew; `verified`: one that was there was run again. */
  action: z.enum(["distilled", "verified"]),
  verdict: z.enum(["verified", "partial", "failed", "skipped", "cancelled", "error"]),
  reasonCode: z.string(),
  explanation: z.string(),
  /** What a person can do next; null where there is nothing to do. */
  advice: z.string().nullable(),
  checks: z.array(z.object({ name: z.string(), result: z.string(), evidence: z.string() })),
  /** What it was run at; null where it is not known. */
  commit: z.string().nullable(),
  pullRequest: Place.nullable(),
  /** Of a broken example. */
  issue: Place.nullable(),
  /** Absolute; null where there is none. */
  examplePath: z.string().nullable(),
  reportPath: z.string().nullable(),
  /** Pictures that it made, by where GitHub shows them. */
  figures: z.array(z.object({ name: z.string(), url: z.string() })),
  /** Address of the badge; null where none was written. */
  badgeUrl: z.string().nullable(),
  costUsd: z.number(),
  iterations: z.number().int(),
  seconds: z.number(),
});
export type ExampleResult = z.infer<typeof ExampleResult>;

/** The output `result`. */
export const ActionResult = z.object({
  /** Null where the inputs could not be read. */
  command: z.enum(["distill", "verify", "comment"]).nullable(),
  verdict: ExampleResult.shape.verdict,
  reasonCode: z.string(),
  explanation: z.string(),
  costUsd: z.number(),
  iterations: z.number().int(),
  examples: z.array(ExampleResult),
});
export type ActionResult = z.infer<typeof ActionResult>;
