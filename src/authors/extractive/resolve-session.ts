import type { PythonModules } from "../../repository/modules.ts";
import { pythonBuiltins } from "../../repository/python-names.ts";
import { type PythonSource, parsePython } from "../../repository/python-source.ts";
import type { Survey } from "../../repository/survey.ts";
import type { Block, Candidate } from "./candidate.ts";
import type { Decisions } from "./decisions.ts";
import { conventionalImports } from "./distributions.ts";

interface ResolvedBlock {
  block: Block;
  code: string;
  source: PythonSource;
}

export interface ResolvedSession {
  blocks: ResolvedBlock[];
  /** Import lines put in front of the first block. */
  addedImports: string[];
  changes: string[];
}

/** Names that `main.py` defines for every example, and that a repair may have put into a block. */
const namesOfMain = ["SOURCE", "HERE", "OUTPUT"];

/**
 * Makes a session's names add up: a conventional alias or a name that the repository itself defines gets its import; a block
 * that reads a name which nothing defines is left out, and with it the blocks that need what it would have defined.
 */
export async function resolveSession(
  candidate: Candidate,
  decisions: Decisions,
  survey: Survey,
  modules: PythonModules,
): Promise<ResolvedSession> {
  const session: ResolvedSession = { blocks: [], addedImports: [], changes: [] };
  const defined = new Set<string>(namesOfMain);
  let star = false;
  for (const block of candidate.blocks) {
    const dropped = decisions.droppedBlocks.find(({ id }) => id === block.id);
    if (dropped) {
      session.changes.push(`${block.place} left out: ${dropped.why}`);
      continue;
    }
    const code = applyReplacements(block, decisions, session.changes);
    const source = await parsePython(code);
    star ||= source.imports.some((imported) => imported.star);
    const missing = [...namesReadBeforeBound(source)].filter((name) => !defined.has(name));
    const imports: string[] = [];
    const unknown: string[] = [];
    for (const name of missing) {
      const line = conventionalImports[name] ?? importOfOwnName(name, survey, modules);
      if (line) imports.push(line);
      else if (!star) unknown.push(name);
    }
    if (source.errorLine !== null || unknown.length > 0) {
      const why =
        source.errorLine === null
          ? `it uses ${unknown.slice(0, 3).join(", ")}, which nothing before it defines`
          : "it is not valid Python 3";
      session.changes.push(`${block.place} left out: ${why}`);
      continue;
    }
    for (const line of imports) {
      if (session.addedImports.includes(line)) continue;
      session.addedImports.push(line);
      session.changes.push(`added \`${line}\`, which the text takes for granted`);
    }
    for (const name of [...source.bound, ...missing]) defined.add(name);
    session.blocks.push({ block, code, source });
  }
  return session;
}

function applyReplacements(block: Block, decisions: Decisions, changes: string[]): string {
  let code = block.code;
  for (const { block: id, from, to, why } of decisions.replacements) {
    if ((id !== "" && id !== block.id) || !code.includes(from)) continue;
    code = code.split(from).join(to);
    changes.push(why);
  }
  return code;
}

function namesReadBeforeBound(source: PythonSource): Set<string> {
  const bound = new Set<string>();
  const missing = new Set<string>();
  for (const { type, binds, reads } of source.statements) {
    const late = type === "function_definition" || type === "class_definition" || type === "decorated_definition";
    for (const name of reads) {
      if (!bound.has(name) && !pythonBuiltins.has(name) && !(late && source.bound.has(name))) missing.add(name);
    }
    for (const name of binds) bound.add(name);
  }
  return missing;
}

/** An import for a name that exactly one place of the repository defines for others, or for one of its modules. */
function importOfOwnName(name: string, survey: Survey, modules: PythonModules): string | null {
  if (modules.topLevel.has(name)) return `import ${name}`;
  const places = survey.outlines.filter(
    ({ path, language, symbols }) =>
      language === "Python" &&
      survey.files.some((file) => file.path === path && file.type === "source") &&
      symbols.some((symbol) => symbol.qualifiedName === name),
  );
  const only = places.length === 1 ? places[0] : undefined;
  const module = only && modules.nameOfPath.get(only.path);
  return module && modules.topLevel.has(module.split(".")[0] ?? "") ? `from ${module} import ${name}` : null;
}
