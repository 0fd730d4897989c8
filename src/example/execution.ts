import { z } from "zod";

/** How one step ended, with the ends of what it printed. */
export const StepResult = z.object({
  status: z.enum(["exited", "timed-out", "out-of-memory", "killed"]),
  /** Only where `status` is `exited`. */
  exitCode: z.number().int().nullable(),
  /** Signal or limit, where `status` is `killed`. */
  detail: z.string().nullable(),
  seconds: z.number(),
  peakMemoryMb: z.number().nullable(),
  stdout: z.string(),
  stderr: z.string(),
  /** Taken from a snapshot: not run again. */
  reused: z.boolean(),
});
export type StepResult = z.infer<typeof StepResult>;

/** A step in which nothing had to be done. */
export const nothingRun: StepResult = {
  status: "exited",
  exitCode: 0,
  detail: null,
  seconds: 0,
  peakMemoryMb: null,
  stdout: "",
  stderr: "",
  reused: false,
};

/** A line of `log.json` as `main.py` writes it; other keys are kept out. */
export const LogEntry = z.object({
  level: z.string().catch("info"),
  message: z.string().catch(""),
  example: z.string().nullish(),
  error: z.object({ type: z.string(), message: z.string(), traceback: z.string() }).nullish().catch(null),
  seconds: z.number().nullish().catch(null),
});
export type LogEntry = z.infer<typeof LogEntry>;

const ObservedFunction = z.object({
  file: z.string(),
  /** SHA-256 of the file as it was loaded, hexadecimal; null for compiled modules. */
  sha256: z.string().nullable().catch(null),
  module: z.string().catch(""),
  qualname: z.string(),
  line: z.number().int().catch(0),
  count: z.number(),
  compiled: z.boolean().catch(false),
});

const HandledException = z.object({
  file: z.string(),
  line: z.number().int(),
  type: z.string(),
  message: z.string().catch(""),
  count: z.number(),
  reraises: z.boolean().catch(false),
});

/** What the observer wrote in one process. */
export const ObserverRecord = z.object({
  version: z.literal(1),
  pid: z.number(),
  python: z.string(),
  functions: z.array(ObservedFunction).catch([]),
  modules: z.array(z.object({ name: z.string(), file: z.string().nullable().catch(null) })).catch([]),
  handledExceptions: z.array(HandledException).catch([]),
  errors: z.array(z.string()).catch([]),
});
export type ObserverRecord = z.infer<typeof ObserverRecord>;

/** Functions of the repository that ran, judged by where they were loaded from. */
export const Evidence = z.object({
  processes: z.number().int(),
  python: z.string().nullable(),
  /** From the files of the pinned commit or of the distribution installed from it. */
  functions: z.array(ObservedFunction.extend({ path: z.string() })),
  /** Named like the repository's modules but loaded from elsewhere: never evidence. */
  impostors: z.array(z.object({ module: z.string(), file: z.string() })),
  modules: z.array(z.object({ name: z.string(), file: z.string().nullable() })),
  /** Exceptions that code swallowed, of the example and of the repository. */
  swallowed: z.array(HandledException),
  errors: z.array(z.string()),
});
export type Evidence = z.infer<typeof Evidence>;

export const Execution = z.object({
  environment: StepResult,
  /** Null where the environment could not be built. */
  program: StepResult.nullable(),
  /** `results.json` as parsed; null where it is absent or not JSON. */
  results: z.unknown().nullable(),
  /** Why there are no results, in a sentence. */
  resultsProblem: z.string().nullable(),
  log: z.array(LogEntry),
  /** Files that the program left, relative to the example's folder. */
  files: z.array(z.object({ path: z.string(), bytes: z.number() })),
  left: z.array(z.object({ path: z.string(), bytes: z.number(), reason: z.string() })),
  evidence: Evidence,
  /** Exact versions of what the environment holds: `name==version`, sorted. */
  packages: z.array(z.string()),
});
export type Execution = z.infer<typeof Execution>;

export function stepSucceeded(step: StepResult | null): boolean {
  return step?.status === "exited" && step.exitCode === 0;
}

/** How a step ended, in a few words. */
export function describeStep(step: StepResult): string {
  if (step.status === "exited") return `exit status ${step.exitCode}`;
  return step.detail ? `${step.status} (${step.detail})` : step.status;
}
