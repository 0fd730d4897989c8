import { withAptFile } from "../../example/apt.ts";
import { stepSucceeded } from "../../example/execution.ts";
import { normalizeName, parseRequirement } from "../../repository/requirement.ts";
import type { Attempt, Revision, WritingContext } from "../author.ts";
import type { Decisions } from "../extractive/decisions.ts";
import { distributionFor } from "../extractive/distributions.ts";
import { projectProse } from "../extractive/find-requirements.ts";
import { pins } from "../extractive/pins.ts";
import { lastErrorLine } from "../extractive/repair-environment.ts";
import { repairSystem } from "../extractive/system-packages.ts";
import { renewRunscript } from "./assemble-draft.ts";
import type { WrittenMemory } from "./memory.ts";

/** Rules in a row; after them the writer sees what they have done. */
const maxInARow = 3;

interface Repair {
  /** A requirement line that takes the place of the one for the same distribution; null for none. */
  line: string | null;
  decisions?: Decisions;
  issue: string;
  change: string;
}

/**
 * What costs nothing is tried before the writer is paid: a module that a known distribution provides, a version that is not
 * to be had, a library that has moved on since. Null where no rule applies.
 */
export async function repairByRule(
  context: WritingContext,
  { draft, execution }: Attempt,
  memory: WrittenMemory,
): Promise<Extract<Revision, { kind: "revised" }> | null> {
  if (memory.byRule.length >= maxInARow) return null;
  const requirements = draft.files["requirements.txt"] ?? "";
  const { environment, program, log } = execution;
  const built = stepSucceeded(environment);
  const text = built
    ? [program?.stderr ?? "", ...log.map(({ error }) => (error ? `${error.type}: ${error.message}` : ""))].join("\n")
    : `${environment.stdout}\n${environment.stderr}`;
  const repair =
    // A program that succeeded may have printed such an error and gone on.
    (built && stepSucceeded(program) ? null : installSystemPackages(context, memory, text)) ??
    (built ? await repairImport(context, requirements, text) : relaxVersion(requirements, text));
  if (!repair) return null;
  const decisions = repair.decisions ?? memory.decisions;
  const files: Record<string, string> = {
    ...withAptFile(draft.files, decisions.systemPackages),
    "requirements.txt": repair.line === null ? requirements : replaceRequirement(requirements, repair.line),
  };
  const { ownRunscript } = memory;
  // Only its head changes with the packages of the system; the rest is the writer's where it took it over.
  if (repair.decisions || !ownRunscript)
    files["runscript.sh"] = renewRunscript(context, { decisions, ownRunscript, files });
  return {
    kind: "revised",
    issuesIdentified: [repair.issue],
    changesMade: [repair.change],
    draft: {
      ...draft,
      files,
      memory: { ...memory, decisions, byRule: [...memory.byRule, repair.change] } satisfies WrittenMemory,
    },
  };
}

/** What the system lacks, where the sandbox can install it. */
function installSystemPackages({ sandbox }: WritingContext, { decisions }: WrittenMemory, text: string): Repair | null {
  const repair = repairSystem(text, decisions, sandbox);
  return (
    repair && {
      line: null,
      decisions: { ...decisions, ...repair.changed },
      issue: lastErrorLine(text),
      change: repair.change,
    }
  );
}

async function repairImport(context: WritingContext, requirements: string, text: string): Promise<Repair | null> {
  const { survey } = context;
  const module = /(?:ModuleNotFoundError|ImportError): No module named '?([\w.]+)'?/.exec(text)?.[1];
  const pin = pins.find(
    ({ pattern, imports, requirement }) =>
      pattern.test(text) && (!imports || survey.importedNames.includes(imports)) && !isOwn(context, requirement),
  );
  if (pin && !isPinned(requirements, pin.requirement))
    return { line: pin.requirement, issue: firstMatch(text, pin.pattern), change: `${pin.requirement}: ${pin.why}` };
  const top = module?.split(".")[0];
  if (!top || survey.modules.some(({ name }) => name === top)) return null;
  const { requirement, why } = distributionFor(top, survey, await projectProse(context));
  if (!requirement || hasRequirement(requirements, requirement)) return null;
  return { line: requirement, issue: `No module named ${module}`, change: `${requirement} added: ${why}` };
}

/** A version that the index does not have, where it has others. */
function relaxVersion(requirements: string, output: string): Repair | null {
  const missing =
    /Could not find a version that satisfies the requirement ([\w.-]+)\S* \(from versions: (?!none\))/.exec(
      output,
    )?.[1];
  if (!missing) return null;
  const line = requirements.split("\n").find((each) => isFor(each, missing));
  const requirement = line === undefined ? null : parseRequirement(line);
  if (!requirement?.specifier) return null;
  return {
    line: `${requirement.name}${requirement.extras}`,
    issue: `${line?.trim()} is not to be had`,
    change: `${requirement.name} in any version instead of ${requirement.specifier}`,
  };
}

export function replaceRequirement(text: string, line: string): string {
  const name = parseRequirement(line)?.name ?? line;
  const kept = text.split("\n").filter((each) => !isFor(each, name));
  return `${[...kept.filter((each, index) => each.trim() !== "" || index < kept.length - 1), line].join("\n").trim()}\n`;
}

function isFor(line: string, name: string): boolean {
  const requirement = line.trim().startsWith("#") ? null : parseRequirement(line);
  return requirement !== null && normalizeName(requirement.name) === normalizeName(name);
}

function hasRequirement(text: string, line: string): boolean {
  return text.split("\n").some((each) => isFor(each, parseRequirement(line)?.name ?? line));
}

/** Whether the distribution has an upper bound already: a second one by rule would only contradict the writer. */
function isPinned(text: string, line: string): boolean {
  const name = parseRequirement(line)?.name ?? line;
  return text.split("\n").some((each) => isFor(each, name) && /[<=]/.test(each.replace(/>=/g, "")));
}

/** The repository is what the example is of: no other version of it may take its place. */
function isOwn({ survey }: WritingContext, line: string): boolean {
  const own = survey.packaging.name;
  return own !== null && normalizeName(own) === normalizeName(parseRequirement(line)?.name ?? line);
}

function firstMatch(text: string, pattern: RegExp): string {
  return (pattern.exec(text)?.[0] ?? "a library has moved on").slice(0, 200);
}
