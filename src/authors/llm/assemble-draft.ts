import { jsonrepair } from "jsonrepair";
import { z } from "zod";
import { aptFile, parseAptFile, withAptFile } from "../../example/apt.ts";
import { type Draft, ExampleMetadata, unknownRequirements } from "../../example/example.ts";
import { render, renderText } from "../../templates/render.ts";
import type { WritingContext } from "../author.ts";
import type { Decisions } from "../extractive/decisions.ts";
import { environmentMark, writeRunscript } from "../extractive/write-runscript.ts";
import type { AnswerBlocks } from "./answer-blocks.ts";
import { applyEdits } from "./apply-edits.ts";

/** What an answer is applied to. */
export interface Before {
  /** As the writer knows them. */
  files: Readonly<Record<string, string>>;
  /** Null where nothing was written yet. */
  metadata: ExampleMetadata | null;
  decisions: Decisions;
  /** Whether the writer has taken the run script over from the rules. */
  ownRunscript: boolean;
}

export type Assembled =
  | { kind: "draft"; draft: Draft; decisions: Decisions; ownRunscript: boolean }
  | { kind: "problems"; problems: string[]; wholeFiles: string[] };

const recordingFile = "example_recording.py";
const maxFiles = 8;
const maxFileCharacters = 200_000;

/** Files that are ours, that a run writes, or that Python would load by itself. */
const reservedName =
  /^(run\.sh|readme.*|report.*|results\.json|log\.json|metadata\.json|source|outputs|to_save|example_recording\.py|(site|user)customize\.py|.*\.pth)$/i;

/**
 * Makes a draft of an answer and the draft before it. What the answer may write is a handful of plain files beside main.py;
 * anything else is a problem that its writer is told, and nothing of the answer is used.
 */
export function assembleDraft(context: WritingContext, blocks: AnswerBlocks, before: Before): Assembled {
  const problems = [...blocks.problems];
  const files = new Map(Object.entries(before.files));
  for (const [path, text] of blocks.files) {
    const refused = refuseFile(path, text);
    if (refused) problems.push(refused);
    else files.set(path, text);
  }
  const edited = applyEdits(files, blocks.edits);
  problems.push(...edited.problems);
  const python = choosePython(context, blocks, before.decisions, problems);
  const decisions = chooseSystemPackages(context, edited.files.get(aptFile), python, problems);
  const main = withoutMainGuard(edited.files.get("main.py") ?? "");
  const examples = [...main.matchAll(/^def (example\d+)\(\s*\)/gm)].map(([, name = ""]) => name);
  if (main.trim() === "") problems.push("There is no main.py.");
  else if (examples.length === 0) problems.push("main.py defines no function example1() without arguments.");
  // A port changes the repository's files, openly and by rule; nobody else may change them.
  if (before.decisions.port && changes(blocks, "runscript.sh"))
    problems.push("runscript.sh cannot be changed here: it ports the repository from Python 2.");
  if (
    changes(blocks, "runscript.sh") &&
    /^\s*set\s+(\+\w*e|\+o\s+errexit)/m.test(bodyOf(edited.files.get("runscript.sh") ?? ""))
  )
    problems.push("runscript.sh has to end at the first command that fails: no set +e.");
  if (edited.files.size > maxFiles) problems.push(`There are more than ${maxFiles} files.`);
  if (problems.length > 0)
    return { kind: "problems", problems, wholeFiles: edited.problems.length > 0 ? editedPaths(blocks) : [] };
  const requirements = edited.files.get("requirements.txt") ?? "";
  const ownRunscript = before.ownRunscript || changes(blocks, "runscript.sh");
  return {
    kind: "draft",
    decisions,
    ownRunscript,
    draft: {
      files: {
        ...withAptFile(Object.fromEntries(edited.files), decisions.systemPackages),
        "main.py": closeMain(main, [...new Set(examples)]),
        "requirements.txt": requirements,
        "runscript.sh": renewRunscript(context, { decisions, ownRunscript, files: Object.fromEntries(edited.files) }),
        [recordingFile]: render("example/example_recording.py", { recording: renderText("example/recording.py") }),
      },
      metadata: readMetadata(context, blocks, before.metadata),
      python: decisions.python,
      changesSource: decisions.port,
      preliminary: false,
      provenance: [],
      memory: null,
    },
  };
}

/** `runscript.sh` for these decisions and requirements: by rule, or with the writer's own commands below the head. */
export function renewRunscript(
  context: WritingContext,
  { decisions, ownRunscript, files }: Omit<Before, "metadata">,
): string {
  return ownRunscript
    ? keepHead(context, decisions, files["runscript.sh"] ?? "")
    : writeRunscript(context, decisions, !hasRequirements(files["requirements.txt"] ?? ""));
}

/** The files of a draft as their writer knows them: main.py without what was added to it. */
export function filesForWriter({ files }: Draft): Record<string, string> {
  const { [recordingFile]: _ours, ...others } = files;
  return { ...others, "main.py": (files["main.py"] ?? "").split(tailMark)[0]?.trimEnd().concat("\n") ?? "" };
}

const tailMark = '\n\n\nif __name__ == "__main__":\n';

function closeMain(main: string, examples: readonly string[]): string {
  const list = examples.map((name) => `(${name}, example_recording.OUTPUT)`).join(", ");
  return `${main.trimEnd()}${tailMark}    import example_recording\n\n    example_recording.EXAMPLES = [${list}]\n    example_recording.main(example_recording.by_name)\n`;
}

/** A guard that the writer added all the same would run everything twice. */
function withoutMainGuard(main: string): string {
  return main.replace(/^if[ \t(]+__name__\s*==\s*["']__main__["'][ \t)]*:.*\n?((?:[ \t]+.*\n?|\s*\n)*)/gm, "");
}

function refuseFile(path: string, text: string): string | null {
  if (!/^[A-Za-z0-9][\w.-]{0,80}$/.test(path) || reservedName.test(path))
    return `A file cannot be called ${JSON.stringify(path.slice(0, 80))}.`;
  return text.length > maxFileCharacters ? `${path} is too long.` : null;
}

function editedPaths({ edits }: AnswerBlocks): string[] {
  return [...new Set(edits.map(({ path }) => path))];
}

function choosePython(
  { sandbox }: WritingContext,
  { notes }: AnswerBlocks,
  decisions: Decisions,
  problems: string[],
): Decisions {
  const wanted = notes.get("python");
  if (wanted === undefined) return decisions;
  const found = sandbox.pythons.find(({ version }) => version === wanted || version.startsWith(`${wanted}.`));
  if (found) return { ...decisions, python: found.path, pythonVersion: found.version };
  problems.push(
    `There is no Python ${wanted.slice(0, 20)}; there is ${sandbox.pythons.map(({ version }) => version).join(", ")}.`,
  );
  return decisions;
}

/** What `apt.txt` says after the answer; without one, nothing. */
function chooseSystemPackages(
  { sandbox }: WritingContext,
  text: string | undefined,
  decisions: Decisions,
  problems: string[],
): Decisions {
  const read = parseAptFile(text ?? "");
  if (read.kind === "refused") problems.push(read.problem);
  else if (read.packages.length > 0 && !sandbox.systemPackages)
    problems.push(`There can be no ${aptFile}: packages of the system cannot be installed in this sandbox.`);
  else return { ...decisions, systemPackages: read.packages };
  return decisions;
}

function changes({ files, edits }: AnswerBlocks, path: string): boolean {
  return files.has(path) || edits.some((edit) => edit.path === path);
}

function hasRequirements(text: string): boolean {
  return text.split("\n").some((line) => line.trim() !== "" && !line.trim().startsWith("#"));
}

/** The head is ours whatever was written: the pinned commit and the interpreter. */
function keepHead(context: WritingContext, decisions: Decisions, written: string): string {
  const byRule = writeRunscript(context, decisions, false);
  const head = byRule.slice(0, byRule.indexOf(environmentMark));
  return `${head}${environmentMark}\n${bodyOf(written).trim()}\n`;
}

/** What stands below the head of a `runscript.sh`. */
function bodyOf(written: string): string {
  const at = written.indexOf(environmentMark);
  return at < 0 ? written.replace(/^#!.*\n/, "") : written.slice(at + environmentMark.length);
}

const LooseMetadata = z.record(z.string(), z.unknown());

/** The writer's words where they fit the schema, field by field; a bad field costs itself, never the example. */
function readMetadata(
  { repository, summary }: WritingContext,
  { notes }: AnswerBlocks,
  before: ExampleMetadata | null,
): ExampleMetadata {
  const known: ExampleMetadata = before ?? {
    repository_url: repository.url,
    description: summary.description,
    example_description: "",
    example_inclusion_criteria: "",
    example_exclusion_criteria: "",
    example_type: "library_demo",
    user_type: "no_user",
    compute_requirements: unknownRequirements,
  };
  const { repository_url: _ours, ...told } = parseJsonObject(notes.get("metadata") ?? "");
  return ExampleMetadata.parse(mergeFields(ExampleMetadata, known, told));
}

function mergeFields(
  { shape }: z.ZodObject,
  known: Readonly<Record<string, unknown>>,
  told: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const merged = { ...known };
  for (const [key, schema] of Object.entries(shape)) {
    const [before, after] = [known[key], told[key]].map((each) => LooseMetadata.safeParse(each).data);
    const value = schema instanceof z.ZodObject && before && after ? mergeFields(schema, before, after) : told[key];
    const parsed = z.safeParse(schema, value);
    if (value !== undefined && parsed.success) merged[key] = parsed.data;
  }
  return merged;
}

function parseJsonObject(text: string): Record<string, unknown> {
  try {
    const parsed = LooseMetadata.safeParse(
      JSON.parse(jsonrepair(text.slice(text.indexOf("{"), text.lastIndexOf("}") + 1))),
    );
    return parsed.success ? parsed.data : {};
  } catch {
    return {};
  }
}
