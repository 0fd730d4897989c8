import { z } from "zod";
import { Decisions } from "../extractive/decisions.ts";

/** What the groundwork established, as the writer is told it. */
export const Groundwork = z.object({
  /** The same wherever it is run. */
  told: z.string(),
  /** What this machine printed. */
  measured: z.string(),
});
export type Groundwork = z.infer<typeof Groundwork>;

/** One exchange with the writer. The first question is the task; later ones tell how the last answer ran. */
const Turn = z.object({
  question: z.string(),
  /** What this machine printed. */
  measured: z.string(),
  answer: z.string(),
});
export type Turn = z.infer<typeof Turn>;

/**
 * What the author carries from draft to draft. During the groundwork that is what the rules have decided; from then on
 * the whole conversation, so that a resumed run asks what it would have asked.
 */
export const Memory = z.discriminatedUnion("phase", [
  z.object({
    phase: z.literal("groundwork"),
    /** The extractive author's own memory. */
    decisions: Decisions,
    /** Preliminary runs so far, this one included. */
    runs: z.number().int(),
  }),
  z.object({
    phase: z.literal("written"),
    groundwork: Groundwork,
    decisions: Decisions,
    /** Whether the writer has taken the run script over from the rules. */
    ownRunscript: z.boolean(),
    turns: z.array(Turn),
    /** Tokens of the repository's text that the conversation begins with: as many as the model took. */
    contextTokens: z.number(),
    /** Repairs by rule since the writer's last answer. */
    byRule: z.array(z.string()),
  }),
]);
export type Memory = z.infer<typeof Memory>;
export type WrittenMemory = Extract<Memory, { phase: "written" }>;
