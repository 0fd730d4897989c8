import { withAptFile } from "../../example/apt.ts";
import type { Draft, ExampleMetadata, Provenance } from "../../example/example.ts";
import { type PythonSource, parsePython } from "../../repository/python-source.ts";
import { render, renderText } from "../../templates/render.ts";
import type { AuthorContext } from "../author.ts";
import type { Candidate, CandidateContext } from "./candidate.ts";
import type { Decisions } from "./decisions.ts";
import { findRequirements } from "./find-requirements.ts";
import { resolveSession } from "./resolve-session.ts";
import { writeRunscript } from "./write-runscript.ts";

interface RenderedExample {
  name: string;
  heading: string;
  origin: string;
  changes: string[];
  body: string;
  /** Python expression of the folder it runs in. */
  folder: string;
}

interface Part {
  example: RenderedExample;
  candidate: Candidate;
  /** What the example's own code imports, for the requirements. */
  sources: Array<{ path: string; source: PythonSource }>;
  hoisted: string[];
}

/** Writes the draft that follows from the decisions; null when no chosen candidate has a block left that calls the repository. */
export async function assembleExample(
  context: AuthorContext,
  search: CandidateContext,
  candidates: readonly Candidate[],
  decisions: Decisions,
): Promise<Draft | null> {
  const parts: Part[] = [];
  for (const id of decisions.chosen) {
    const candidate = candidates.find((each) => each.id === id);
    const part = candidate && (await writePart(candidate, `example${parts.length + 1}`, context, search, decisions));
    if (part) parts.push(part);
  }
  if (parts.length === 0) return null;
  const { survey, repository } = context;
  const requirements = await findRequirements({
    context,
    search,
    decisions,
    sources: parts.flatMap(({ sources }) => sources),
  });
  const title = `Example of ${survey.packaging.name ?? repository.name}`;
  const description = describeRepository(context);
  const main = render("example/main.py", {
    title: plain(title),
    description: wrap(plain(description)),
    examples: parts.map(({ example }) => example),
    inputs: describeInputs(parts),
    repository: plain(repository.url ?? `${repository.name} (a folder or archive without a public address)`),
    commit: repository.commit ?? "none: the folder has no history",
    licence: survey.licence ? `${survey.licence.name} (${plain(survey.licence.path)})` : "none found",
    futureImports: [
      ...new Set(parts.flatMap(({ hoisted }) => hoisted.filter((line) => line.startsWith("from __future__")))),
    ],
    searchFolders: decisions.install === "path" ? searchFolders(search, parts) : [],
    moduleImports: [
      ...new Set(parts.flatMap(({ hoisted }) => hoisted.filter((line) => !line.startsWith("from __future__")))),
    ],
    installed: decisions.install === "path" ? "False" : "True",
    recording: renderText("example/recording.py"),
  });
  return {
    files: withAptFile(
      {
        "main.py": main.replace(/\n{4,}/g, "\n\n\n"),
        "requirements.txt": requirements.text,
        "runscript.sh": writeRunscript(context, decisions, requirements.isEmpty),
      },
      decisions.systemPackages,
    ),
    metadata: describeExample(context, parts, description),
    python: decisions.python,
    changesSource: decisions.port,
    preliminary: false,
    provenance: parts.map(
      ({ example, candidate }): Provenance => ({
        example: example.name,
        title: example.heading,
        path: candidate.path,
        place: placeOf(candidate),
        changes: example.changes,
      }),
    ),
    memory: decisions,
  };
}

async function writePart(
  candidate: Candidate,
  name: string,
  context: AuthorContext,
  search: CandidateContext,
  decisions: Decisions,
): Promise<Part | null> {
  const base = {
    name,
    heading: plain(candidate.title).slice(0, 100),
    origin: plain(`${candidate.path}, ${placeOf(candidate)}`),
    folder: folderExpression(candidate),
  };
  const ported = decisions.port
    ? ["the repository is Python 2; building the environment ports its files in source/ to Python 3 (fissix, a 2to3)"]
    : [];
  if (candidate.script) {
    const text = (await context.readText(candidate.script.path)) ?? "";
    const input = decisions.standardInput.find(({ id }) => id === candidate.id);
    const lines = [
      `return run_script(${[candidate.script.path, ...candidate.script.arguments].map(pythonString).join(", ")})`,
    ];
    if (input) lines.unshift(`sys.stdin = io.StringIO(${pythonString(input.lines.join("\n"))})`);
    const changes = [...ported, ...(input ? [`questions it asks are answered with ${input.lines.join(", ")}`] : [])];
    return {
      candidate,
      example: { ...base, changes, body: indent(lines.join("\n"), new Set()) },
      sources: [{ path: candidate.script.path, source: await parsePython(text) }],
      hoisted: [],
    };
  }
  const session = await resolveSession(candidate, decisions, context.survey, search.modules);
  if (session.blocks.length === 0) return null;
  const hoisted: string[] = [];
  const bodies: string[] = session.addedImports.length > 0 ? [indent(session.addedImports.join("\n"), new Set())] : [];
  for (const { block, code, source } of session.blocks) {
    const lines = code.split("\n");
    for (const imported of source.imports) {
      if (!imported.star && imported.module !== "__future__") continue;
      const at = imported.line - 1;
      if ((lines[at] ?? "").startsWith("from ")) {
        hoisted.push((lines[at] ?? "").replace(/\s*#.*$/, ""));
        lines[at] = `# ${lines[at]}  (at the top of this file)`;
      }
    }
    const note = candidate.blocks.length > 1 ? [`    # ${plain(block.path)}, ${block.place}`] : [];
    bodies.push([...note, indent(lines.join("\n").trimEnd(), source.stringLines)].join("\n"));
  }
  const last = candidate.tests
    ? [
        "return {",
        ...candidate.tests.map(
          ({ name: test, fixtures }) =>
            `    ${pythonString(test)}: call(${[test, ...fixtures.map((fixture) => `${fixture}()`)].join(", ")}),`,
        ),
        "}",
      ].join("\n")
    : "return collect(locals())";
  bodies.push(indent(last, new Set()));
  const sources = session.blocks.map(({ block, source }) => ({ path: block.path, source }));
  if (session.addedImports.length > 0)
    sources.push({ path: candidate.path, source: await parsePython(session.addedImports.join("\n")) });
  return {
    candidate,
    example: {
      ...base,
      changes: [...ported, ...session.changes.map((change) => plain(change).slice(0, 200))],
      body: bodies.join("\n"),
    },
    sources,
    hoisted,
  };
}

/** Indents code by one level; lines inside a multi-line string keep their margin, because it is part of the value. */
function indent(code: string, stringLines: ReadonlySet<number>): string {
  return code
    .split("\n")
    .map((line, index) => (line.trim() === "" || stringLines.has(index + 1) ? line : `    ${line}`))
    .join("\n");
}

function folderExpression({ workingFolder, script }: Candidate): string {
  const folder = script?.workingFolder ?? workingFolder;
  if (folder === null || folder === undefined) return "OUTPUT";
  return folder === "" ? "SOURCE" : `SOURCE / ${pythonString(folder)}`;
}

/** Folders whose modules the examples import, as Python expressions. */
function searchFolders({ modules }: CandidateContext, parts: readonly Part[]): string[] {
  const folders = new Set<string>();
  for (const { sources } of parts) {
    for (const { source } of sources) {
      for (const { module, level } of source.imports) {
        const folder = modules.folderOfTopLevel.get(module.split(".")[0] ?? "");
        if (level === 0 && folder !== undefined) folders.add(folder);
      }
    }
  }
  return [...folders]
    .sort()
    .reverse()
    .map((folder) => (folder === "" ? "SOURCE" : `SOURCE / ${pythonString(folder)}`));
}

/** Where in its file a candidate stands, in words. */
export function placeOf({ blocks, script, kind }: Candidate): string {
  const first = blocks[0];
  const last = blocks.at(-1);
  if (script && kind === "command" && first)
    return `run as ${first.path}, ${first.place} says: ${first.code.slice(0, 120)}`;
  if (!first || !last) return "the whole file";
  if (first === last) return first.place;
  if (first.place.startsWith("cell")) return `cells ${first.place.slice(5)}-${last.place.slice(5)}`;
  return `${first.place.replace(/-\d+$/, "")}-${/\d+$/.exec(last.place)?.[0] ?? ""}`;
}

function describeRepository({ survey, repository }: AuthorContext): string {
  const main = survey.outlines.find(({ path }) => path === survey.coreFunctions[0]?.path);
  return survey.packaging.description || main?.doc || `Code of ${repository.name}.`;
}

function describeInputs(parts: readonly Part[]): string[] {
  const inputs = parts.flatMap(({ candidate, example }) => {
    const folder = candidate.script?.workingFolder ?? candidate.workingFolder;
    if (candidate.script)
      return [
        `${example.name}: the script ${plain(candidate.script.path)}${candidate.script.arguments.length > 0 ? ` with ${plain(candidate.script.arguments.join(" "))}` : ""}, run in source/${plain(folder ?? "")}`,
      ];
    return folder === null
      ? [`${example.name}: the values written in it; no files`]
      : [`${example.name}: files of the repository, relative to source/${plain(folder ?? "")}`];
  });
  return inputs.length > 0 ? inputs : ["none"];
}

function describeExample(
  { survey, repository }: AuthorContext,
  parts: readonly Part[],
  description: string,
): ExampleMetadata {
  const names = [
    ...new Set(parts.flatMap(({ candidate }) => candidate.coreCalls.map(({ qualifiedName }) => qualifiedName))),
  ];
  const shown =
    names.length > 0 ? names.slice(0, 8).join(", ") : parts.map(({ candidate }) => candidate.path).join(", ");
  const script = parts.every(({ candidate }) => candidate.script !== null);
  return {
    repository_url: repository.url,
    description,
    example_description: parts
      .map(({ example }) => `${example.name}: ${example.heading} (${example.origin})`)
      .join("; "),
    example_inclusion_criteria: `Use this to see how ${survey.packaging.name ?? repository.name} is called: ${shown}.`,
    example_exclusion_criteria:
      "Not for parts of the repository that the example does not call, nor for data other than the example's own.",
    example_type: script ? "application_demo" : "library_demo",
    user_type: "no_user",
    compute_requirements: {
      gpu_required: false,
      gpu_normally_recommended: survey.needs.some(({ kind }) => kind === "gpu") ? true : null,
      min_gpu_memory_gb: null,
      cpu_cores: null,
      ram_gb: null,
      disk_space_gb: null,
      api_keys_required: [],
      api_keys_optional: null,
      time_constraint_limited: null,
    },
  };
}

/** Text from a repository inside a Python doc string or comment: one line, nothing that ends either. */
function plain(text: string): string {
  return text
    .replace(/[\u0000-\u001f\u007f\u0085\u2028\u2029\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]+/g, " ")
    .replaceAll("\\", "/")
    .replaceAll('"""', "'''")
    .replace(/"$/, "'")
    .replace(/\s+/g, " ")
    .trim();
}

function wrap(text: string, width = 112): string {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + word.length < width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines.join("\n");
}

/** A Python string literal; JSON's escapes are Python's for every character that JSON escapes. */
function pythonString(text: string): string {
  return JSON.stringify(text).replace(
    /[\u007f-\uffff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
