import { isAlias, isMap, isScalar, isSeq, LineCounter, type Pair, parseDocument } from "yaml";
import { z } from "zod";
import type { AppSettings } from "../app-settings.ts";
import { Config, extractiveModel } from "../config.ts";
import { ConfigError } from "../errors.ts";
import { chooseModels } from "./choose-models.ts";
import type { DistillCommand } from "./command.ts";
import { Focus, MaxCost, ModelName, Ref, Subdirectory } from "./setting-values.ts";

export const repositoryConfigFile = ".github/codedistiller.yml";

const logins = z.array(z.string().trim().min(1).max(100)).max(500);

/** The safe part of the configuration: what people with a repository may decide for it. A key without a value is not there. */
export const RepositoryConfig = z.strictObject({
  enabled: z.boolean().default(true),
  /** Whether it is distilled when the app is installed, if the operator has that done at all. */
  new_installations: z.boolean().default(true),
  allow_users: logins.nullable().default(null),
  deny_users: logins.default([]),
  focus: Focus.optional(),
  ref: Ref.optional(),
  subdirectory: Subdirectory.optional(),
  max_cost_usd: MaxCost.optional(),
  max_debug_iterations: Config.shape.max_debug_iterations.optional(),
  max_runtime_mins: Config.shape.max_runtime_mins.optional(),
  model_str_code: ModelName.optional(),
  model_str_fast: ModelName.optional(),
  model_str_judge: ModelName.optional(),
});
export type RepositoryConfig = z.infer<typeof RepositoryConfig>;

/** Some pages of comments; YAML takes long over what was made to. Bytes. */
const maxBytes = 16 * 1024;

/** Reads the text of the file; throws ConfigError whose message names the line, what is wrong, and the keys there are. */
export function parseRepositoryConfig(text: string): RepositoryConfig {
  if (Buffer.byteLength(text) > maxBytes) throw wrong(null, `it is larger than ${maxBytes / 1024} KiB`);
  const lineCounter = new LineCounter();
  const lineAt = (offset: number): number => lineCounter.linePos(offset).line || 1;
  const document = parseDocument(text, { lineCounter, prettyErrors: false, uniqueKeys: false, logLevel: "error" });
  const [error] = [...document.errors, ...document.warnings];
  if (error)
    throw wrong(
      lineAt(error.pos[0]),
      `this is not YAML that can be read (${error.code.toLowerCase().replaceAll("_", " ")})`,
    );
  const { values, offsets } = readPairs(document.contents, lineAt);
  const parsed = RepositoryConfig.safeParse(Object.fromEntries(values));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const key = issue?.code === "unrecognized_keys" ? (issue.keys[0] ?? "") : String(issue?.path[0] ?? "");
  const line = lineAt(offsets.get(key) ?? 0);
  if (issue?.code === "unrecognized_keys") throw wrong(line, `${shown(key)} is no key that may stand here`);
  throw wrong(line, `${key}: ${issue?.message ?? "not valid"}`);
}

/**
 * The keys and values of a flat document. YAML's own conversion to values is not used: it takes minutes over nested keys, and follows
 * aliases.
 */
function readPairs(contents: unknown, lineAt: (offset: number) => number) {
  const values = new Map<string, unknown>();
  const offsets = new Map<string, number>();
  if (contents === null || (isScalar(contents) && contents.value === null)) return { values, offsets };
  if (!isMap(contents)) throw wrong(1, "it has to hold keys and values, such as enabled: true");
  for (const pair of contents.items as Pair[]) {
    const offset = offsetOf(pair.key);
    const key = isScalar(pair.key) && typeof pair.key.value === "string" ? pair.key.value : null;
    if (key === null) throw wrong(lineAt(offset), "a key has to be a word");
    if (offsets.has(key)) throw wrong(lineAt(offset), `${shown(key)} stands there twice`);
    offsets.set(key, offset);
    const value = readValue(pair.value, () => lineAt(offsetOf(pair.value) || offset));
    if (value !== null) values.set(key, value);
  }
  return { values, offsets };
}

function readValue(node: unknown, line: () => number): unknown {
  if (node === null || node === undefined) return null;
  if (isAlias(node)) throw wrong(line(), "aliases (*) are not taken");
  if (isScalar(node)) return node.value;
  if (isSeq(node) && node.items.every((item) => isScalar(item)))
    return node.items.map((item) => (isScalar(item) ? item.value : null));
  throw wrong(line(), "a value has to be a word, a number or a list of words");
}

function offsetOf(node: unknown): number {
  return typeof node === "object" && node !== null && "range" in node && Array.isArray(node.range)
    ? Number(node.range[0])
    : 0;
}

function wrong(line: number | null, problem: string): ConfigError {
  const place = line === null ? repositoryConfigFile : `${repositoryConfigFile}, line ${line}`;
  return new ConfigError({
    code: "repository-config",
    userMessage: `${place}: ${problem.slice(0, 300).toWellFormed()}. Allowed keys: ${Object.keys(RepositoryConfig.shape).join(", ")}.`,
  });
}

function shown(key: string): string {
  return JSON.stringify(key.length > 60 ? `${key.slice(0, 60).toWellFormed()}…` : key);
}

export interface MergedSettings {
  /** Keys that are other than the operator's. */
  config: Partial<Config>;
  /** What was lowered to the operator's bound, a sentence each: told, and the run goes on. */
  notes: string[];
  /** What cannot be had, a sentence each: the run is refused. They hold words from outside. */
  problems: string[];
}

/**
 * The configuration of a run that was asked for: the comment's word goes before the repository's, and both only as far as the operator
 * lets them.
 */
export function mergeSettings({
  operator: { run, settings },
  repository,
  command,
}: {
  operator: { run: Config; settings: Pick<AppSettings, "allowed_models"> };
  repository: RepositoryConfig | null;
  command: Pick<DistillCommand, "repository" | "settings"> | null;
}): MergedSettings {
  const said = command?.settings ?? {};
  // What the file says of the repository's own branches and folders is nothing about another's.
  const own = command && command.repository !== null ? null : repository;
  const allowed = new Set([
    run.model_str_code,
    run.model_str_fast,
    run.model_str_judge,
    extractiveModel,
    ...settings.allowed_models,
  ]);
  const { bounded, notes } = boundNumbers(run, {
    max_cost_usd: said.max_cost_usd ?? repository?.max_cost_usd,
    max_debug_iterations: repository?.max_debug_iterations,
    max_runtime_mins: repository?.max_runtime_mins,
  });
  const asked: { [K in keyof Config]?: Config[K] | undefined } = {
    ref: said.ref ?? own?.ref,
    subdirectory: said.subdirectory ?? own?.subdirectory,
    focus: said.focus ?? own?.focus,
    ...bounded,
    ...chooseModels(run, repository, said.model_str_code, allowed),
  };
  const problems = (["model_str_code", "model_str_fast", "model_str_judge"] as const)
    .map((key) => asked[key])
    .filter((model, index, all) => model !== undefined && !allowed.has(model) && all.indexOf(model) === index)
    .map((model) => `The model ${shown(model ?? "")} may not be used here. Allowed: ${[...allowed].join(", ")}.`);
  const differing = Object.entries(asked).filter(
    ([key, value]) => value !== undefined && value !== run[key as keyof Config],
  );
  return { config: Object.fromEntries(differing), notes, problems };
}

type Bounded = "max_cost_usd" | "max_debug_iterations" | "max_runtime_mins";

function boundNumbers(run: Config, asked: Record<Bounded, number | undefined>) {
  const bounded: Partial<Record<Bounded, number>> = {};
  const notes: string[] = [];
  for (const [key, value] of Object.entries(asked) as Array<[Bounded, number | undefined]>) {
    if (value === undefined) continue;
    bounded[key] = Math.min(value, run[key]);
    if (value > run[key]) notes.push(`${key} is ${run[key]} rather than ${value}: more is not allowed here.`);
  }
  return { bounded, notes };
}
