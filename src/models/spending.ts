import { z } from "zod";

/** What calls of one stage and model came to: tokens, and US dollars. */
export const SpendingRow = z.object({
  stage: z.string(),
  model: z.string(),
  /** All that were answered or billed. */
  calls: z.number().int(),
  /** Those of them that were billed and gave no answer. */
  failedCalls: z.number().int(),
  /** All of the prompts, cache included. */
  inputTokens: z.number(),
  cacheReadTokens: z.number(),
  cacheWriteTokens: z.number(),
  outputTokens: z.number(),
  /** Null where the cost of one of the calls is not known. */
  costUsd: z.number().nullable(),
});
export type SpendingRow = z.infer<typeof SpendingRow>;
