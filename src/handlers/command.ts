import { distance } from "fastest-levenshtein";
import type { z } from "zod";
import type { AllowedHosts } from "../app-config.ts";
import { AppSettings } from "../app-settings.ts";
import type { Config } from "../config.ts";
import { splitCommandLine, type Token } from "./command-line.ts";
import { readNamedRepository } from "./named-repository.ts";
import { Focus, MaxCost, ModelName, Ref, Subdirectory, withoutControls } from "./setting-values.ts";

/** What a comment may say of a run; only what was said is there. `model_str_code` is `--model`. */
export type CommandSettings = {
  [K in "ref" | "subdirectory" | "focus" | "model_str_code" | "max_cost_usd"]?: Config[K] | undefined;
};

export interface DistillCommand {
  kind: "distill";
  /** An https URL without credentials and query, also where `owner/name` was written; null: where the comment stands. */
  repository: string | null;
  settings: CommandSettings;
  dryRun: boolean;
}

export type Command =
  | DistillCommand
  | { kind: "status" | "cancel" | "retry" | "help" }
  | { kind: "revise"; feedback: string }
  /** `problem` is a sentence with words of the comment in it: as hostile as they. */
  | { kind: "misunderstood"; problem: string };

/** What `/distill revise` may say, in characters. */
export const maxFeedback = 2000;

const usualHosts = AppSettings.shape.allow_hosts.parse(undefined);

/**
 * Reads a comment; null where it is no command. Only its very first line counts, so that no quotation, fence or indented code can be
 * one. Takes time linear in the comment's length.
 */
export function parseCommand(
  body: string,
  { gitHubHost = "github.com", allowHosts = usualHosts }: Partial<AllowedHosts> = {},
): Command | null {
  const text = body.startsWith("\ufeff") ? body.slice(1) : body;
  const end = text.search(/[\r\n]/);
  const line = end < 0 ? text : text.slice(0, end);
  const opening = /^ {0,3}\/distill(?=\s|$)/i.exec(line)?.[0];
  if (opening === undefined) return null;
  const revise = /^\s+revise(?=\s|$)/i.exec(line.slice(opening.length))?.[0];
  if (revise !== undefined) return readRevise(text.slice(opening.length + revise.length));
  const split = splitCommandLine(line.slice(opening.length));
  return "problem" in split ? misunderstood(split.problem) : readTokens(split.tokens, { gitHubHost, allowHosts });
}

function readRevise(text: string): Command {
  const feedback = withoutControls(text.replace(/\r\n?/g, "\n")).trim();
  if (feedback === "") return misunderstood("Say what to change: /distill revise <what to change>.");
  if (feedback.length > maxFeedback)
    return misunderstood(`What to change is ${feedback.length} characters long; ${maxFeedback} is the most.`);
  return { kind: "revise", feedback };
}

const plainKinds = ["status", "cancel", "retry", "help"] as const;
const allKinds = [...plainKinds, "revise"];

function readTokens(tokens: readonly Token[], hosts: AllowedHosts): Command {
  const [first, second] = tokens;
  const kind = first?.kind === "word" ? plainKinds.find((each) => each === first.text.toLowerCase()) : undefined;
  if (kind !== undefined && second) return misunderstood(`/distill ${kind} takes nothing after it.`);
  return kind === undefined ? readDistill(tokens, hosts) : { kind };
}

function readDistill(tokens: readonly Token[], hosts: AllowedHosts): Command {
  const command: DistillCommand = { kind: "distill", repository: null, settings: {}, dryRun: false };
  const seen = new Set<string>();
  for (let index = 0; index < tokens.length; index += 1) {
    const token = tokens[index] as Token;
    if (token.kind === "word") {
      const problem = takeRepository(command, token.text, hosts);
      if (problem) return misunderstood(problem);
      continue;
    }
    const name = token.text.toLowerCase();
    if (seen.has(name)) return misunderstood(`The option --${name} was given twice.`);
    if (name === "dry-run") {
      if (token.kind === "option-with-value") return misunderstood("The option --dry-run takes no value.");
      command.dryRun = true;
    } else {
      const value = tokens[index + 1];
      const problem = takeOption(command.settings, name, value?.kind === "word" ? value.text : "");
      if (problem) return misunderstood(problem);
      index += 1;
    }
    seen.add(name);
  }
  return command;
}

/** Returns what is wrong with it; null where nothing is. */
function takeRepository(command: DistillCommand, word: string, hosts: AllowedHosts): string | null {
  if (command.repository !== null)
    return `One repository at a time: ${shown(word)} is too much. Words with spaces need quotes.`;
  if (!/[/:\\]/.test(word)) {
    const near = allKinds.find((kind) => distance(kind, word.slice(0, 20).toLowerCase()) <= 2);
    return near
      ? `${shown(word)} is no command. Did you mean /distill ${near}?`
      : `${shown(word)} is neither a repository (owner/name, or its https address) nor one of ${allKinds.join(", ")}.`;
  }
  const read = readNamedRepository(word, hosts);
  if ("problem" in read) return read.problem;
  command.repository = read.url;
  return null;
}

const options = new Map<string, { key: keyof CommandSettings; schema: z.ZodType<string | number>; isNumber?: true }>([
  ["ref", { key: "ref", schema: Ref }],
  ["subdirectory", { key: "subdirectory", schema: Subdirectory }],
  ["focus", { key: "focus", schema: Focus }],
  ["model", { key: "model_str_code", schema: ModelName }],
  ["max-cost", { key: "max_cost_usd", schema: MaxCost, isNumber: true }],
]);

function takeOption(settings: CommandSettings, name: string, text: string): string | null {
  const option = options.get(name);
  if (!option) return unknownOption(name);
  if (text.trim() === "") return `The option --${name} needs a value.`;
  const parsed = option.schema.safeParse(option.isNumber ? readDollars(text) : text);
  if (!parsed.success) return `The option --${name} ${parsed.error.issues[0]?.message ?? "cannot be used"}.`;
  Object.assign(settings, { [option.key]: parsed.data });
  return null;
}

/** `1.20` or `$1.20`; nothing else that JavaScript would take for a number. */
function readDollars(text: string): number | null {
  const digits = /^\$?(\d{1,6}(?:\.\d{1,4})?|\.\d{1,4})$/.exec(text)?.[1];
  return digits === undefined ? null : Number(digits);
}

function unknownOption(name: string): string {
  const known = [...options.keys(), "dry-run"];
  const near = known
    .map((each) => ({ each, letters: distance(each, name.slice(0, 40)) }))
    .sort((a, b) => a.letters - b.letters)[0];
  return near && near.letters <= Math.max(2, name.length / 3)
    ? `There is no option ${shown(`--${name}`)}. Did you mean --${near.each}?`
    : `There is no option ${shown(`--${name}`)}. There are ${known.map((each) => `--${each}`).join(", ")}.`;
}

function misunderstood(problem: string): Command {
  return { kind: "misunderstood", problem };
}

/** Somebody's word, cut to what helps to find it again. */
function shown(word: string): string {
  return `"${word.length > 60 ? `${word.slice(0, 60).toWellFormed()}…` : word.toWellFormed()}"`;
}
