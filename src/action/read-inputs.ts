import { z } from "zod";
import { Config } from "../config.ts";
import { ConfigError } from "../errors.ts";
import { Focus, ModelName, Ref, Subdirectory } from "../handlers/setting-values.ts";

const optional = <S extends z.ZodType>(schema: S) => z.union([z.literal("").transform(() => undefined), schema]);
const number = <S extends z.ZodType<number, number>>(schema: S) =>
  optional(z.string().transform(Number).pipe(z.number("has to be a number")).pipe(schema));
/** As YAML 1.2 has them, like the toolkit's own `getBooleanInput`. */
const boolean = z
  .enum(["true", "True", "TRUE", "false", "False", "FALSE"], "has to be true or false")
  .transform((text) => text.toLowerCase() === "true");
/** Of a choice; also where a form or another step filled in nothing, which `action.yml`'s own default does not reach. */
const choice = <const T extends string>(standard: T, ...others: T[]) =>
  z.union([z.literal("").transform((): T => standard), z.enum([standard, ...others])]);

/** Whether a model is a program or a file of the machine. */
export function namesProgram(model: string): boolean {
  return /^\s*(command|replay)\//i.test(model);
}

/** Inputs may come from a form: what is run beside the token is named by whoever writes the configuration. */
const ProviderModel = ModelName.refine(
  (name) => !namesProgram(name),
  "cannot be a program or a file here: name it in the input config",
);

/** What `action.yml` takes, as the runner hands it over: texts, empty where nothing was given. */
const Inputs = z.object({
  command: choice("distill", "verify", "comment"),
  /** Each once: the second run of the same would only cost. */
  repository: z.string().transform((text) => [...new Set(text.split(/[\r\n]+/).flatMap((line) => line.trim() || []))]),
  ref: optional(Ref),
  subdirectory: optional(Subdirectory),
  focus: optional(Focus),
  model: optional(ProviderModel),
  "fast-model": optional(ProviderModel),
  // `auto` is what is done where nobody says anything, the configuration file neither.
  sandbox: z.union([z.enum(["", "auto"]).transform(() => undefined), Config.shape.sandbox]),
  "max-debug-iterations": number(Config.shape.max_debug_iterations),
  "max-runtime-mins": number(Config.shape.max_runtime_mins),
  "max-cost-usd": number(Config.shape.max_cost_usd),
  config: z.string(),
  "open-pull-request": z.union([z.literal("").transform(() => true), boolean]),
  base: optional(Ref),
  "fail-on": choice("error", "not-verified", "never"),
  "github-token": z.string().min(1, "is empty: leave it out, or give a token of GitHub"),
});
export type Inputs = z.infer<typeof Inputs>;

export const inputNames = Object.keys(Inputs.shape) as ReadonlyArray<keyof Inputs>;

/** Which key of the configuration an input sets. */
export const configKeys = {
  ref: "ref",
  subdirectory: "subdirectory",
  focus: "focus",
  model: "model_str_code",
  "fast-model": "model_str_fast",
  sandbox: "sandbox",
  "max-debug-iterations": "max_debug_iterations",
  "max-runtime-mins": "max_runtime_mins",
  "max-cost-usd": "max_cost_usd",
} as const satisfies Partial<Record<keyof Inputs, keyof Config>>;

/** Reads the inputs; throws one ConfigError that names every input that cannot be used. */
export function readInputs(environment: Readonly<Record<string, string | undefined>>): Inputs {
  const given = inputNames.map((name) => [name, readInput(environment, name)]);
  const parsed = Inputs.safeParse(Object.fromEntries(given));
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => `Input ${String(issue.path[0])}: ${describeIssue(issue)}.`);
  throw new ConfigError({ code: "input", userMessage: problems.join(" "), cause: parsed.error });
}

/** What fails the step, also where another input is wrong. */
export function readFailOn(environment: Readonly<Record<string, string | undefined>>): Inputs["fail-on"] {
  return Inputs.shape["fail-on"].catch("error").parse(readInput(environment, "fail-on"));
}

/** One input as text; the runner puts it into a variable. https://docs.github.com/actions/reference/metadata-syntax#inputs */
export function readInput(environment: Readonly<Record<string, string | undefined>>, name: keyof Inputs): string {
  return (environment[`INPUT_${name.toUpperCase()}`] ?? "").trim();
}

/** Of a choice, what the text was no instance of: its own complaint says more than that none fits. */
function describeIssue(issue: z.core.$ZodIssue): string {
  if (issue.code === "invalid_value" && issue.message.startsWith("Invalid"))
    return `has to be one of ${issue.values.join(", ")}`;
  if (issue.code !== "invalid_union") return issue.message;
  const last = issue.errors.at(-1)?.[0];
  return last ? describeIssue(last) : issue.message;
}
