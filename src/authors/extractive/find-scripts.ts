import { type PythonSource, parsePython } from "../../repository/python-source.ts";
import type { Block, Candidate, CandidateContext } from "./candidate.ts";
import { parseCommands } from "./command-line.ts";
import { blockOf, describe, needsOf, titleOfPath } from "./describe-candidate.ts";
import { findWorkingFolder } from "./paths-in-code.ts";

const maxScriptLines = 400;

/** Scripts: in example folders, run by a command that a document gives, or with a `__main__` of their own. */
export async function findScripts(context: CandidateContext): Promise<Candidate[]> {
  const { survey, modules, readText } = context;
  const candidates: Candidate[] = [];
  const commanded = new Set<string>();
  for (const snippet of survey.snippets) {
    if (snippet.kind !== "console") continue;
    for (const command of parseCommands(snippet.code, snippet.path, survey)) {
      if (commanded.has(command.id)) continue;
      commanded.add(command.id);
      const text = await readText(command.path);
      if (text === null) continue;
      const source = await parsePython(text);
      const block: Block = { ...blockOf(snippet, command.line), id: command.id };
      const candidate = describe(survey, modules, {
        id: command.id,
        kind: "command",
        path: command.path,
        title: snippet.heading || titleOfPath(command.path),
        blocks: [block],
        sources: [source],
        workingFolder: command.workingFolder,
      });
      candidates.push({
        ...candidate,
        script: { path: command.path, arguments: command.arguments, workingFolder: command.workingFolder },
        needs: needsOf(command.path, text, source, survey),
      });
    }
  }
  for (const { path, type, language } of survey.files) {
    if (language !== "Python" || (type !== "example" && type !== "source") || candidates.length > 200) continue;
    const text = await readText(path);
    if (text === null) continue;
    const source = await parsePython(text);
    if (source.errorLine !== null && !survey.python2.includes(path)) continue;
    if (type === "source" && !source.hasMainGuard && !runsAtTopLevel(source)) continue;
    const folder = path.split("/").slice(0, -1).join("/");
    const inline =
      type === "example" &&
      !source.usesArguments &&
      !source.usesDunderFile &&
      !source.python2 &&
      text.split("\n").length <= maxScriptLines;
    const workingFolder = findWorkingFolder(survey, path, [source]);
    const candidate = describe(survey, modules, {
      id: path,
      kind: type === "example" ? "example" : "script",
      path,
      title: titleOfPath(path),
      blocks: [
        { id: path, path, place: `lines 1-${text.split("\n").length}`, line: 1, prose: "", code: inline ? text : "" },
      ],
      sources: [source],
      workingFolder,
    });
    candidates.push({
      ...candidate,
      script: inline ? null : { path, arguments: [], workingFolder: workingFolder ?? folder },
      needs: needsOf(path, text, source, survey),
    });
  }
  return candidates;
}

/** Doc strings and constants, which the grammar calls expression statements too, run nothing. */
function runsAtTopLevel({ statements, calls }: PythonSource): boolean {
  return statements.some(({ type, startLine, endLine, binds }) =>
    type === "expression_statement"
      ? binds.size === 0 && calls.some(({ line, reference }) => !reference && line >= startLine && line <= endLine)
      : type === "for_statement" || type === "print_statement",
  );
}
