import { stepSucceeded } from "../../example/execution.ts";
import { normalizeName, parseRequirement } from "../../repository/requirement.ts";
import type { Attempt, Revision, WritingContext } from "../author.ts";
import { distributionFor } from "../extractive/distributions.ts";
import { projectProse } from "../extractive/find-requirements.ts";
import { pins } from "../extractive/pins.ts";
import { writeRunscript } from "../extractive/write-runscript.ts";
import type { WrittenMemory } from "./memory.ts";

/** Rules in a row; after them the writer sees what they have done. */
const maxInARow = 3;

/** A requirement line that takes the place of the one for the same distribution. */
interface Repair {
  line: string;
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
  const repair = stepSucceeded(environment)
    ? await repairImport(
        context,
        requirements,
        [program?.stderr ?? "", ...log.map(({ error }) => (error ? `${error.type}: ${error.message}` : ""))].join("\n"),
      )
    : relaxVersion(requirements, `${environment.stdout}\n${environment.stderr}`);
  if (!repair) return null;
  const changed = replaceRequirement(requirements, repair.line);
  return {
    kind: "revised",
    issuesIdentified: [repair.issue],
    changesMade: [repair.change],
    draft: {
      ...draft,
      files: {
        ...draft.files,
        "requirements.txt": changed,
        ...(memory.ownRunscript ? {} : { "runscript.sh": writeRunscript(context, memory.decisions, false) }),
      },
      memory: { ...memory, byRule: [...memory.byRule, repair.change] } satisfies WrittenMemory,
    },
  };
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

function replaceRequirement(text: string, line: string): string {
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
