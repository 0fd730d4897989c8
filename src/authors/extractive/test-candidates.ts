import { withTree } from "../../repository/grammars.ts";
import { parsePython } from "../../repository/python-source.ts";
import type { Candidate, CandidateContext } from "./candidate.ts";
import { dedent, findTargetCalls } from "./describe-candidate.ts";
import { findWorkingFolder } from "./paths-in-code.ts";

const maxTestFiles = 40;
const maxTestsPerFile = 8;

/**
 * Test functions as a last resort: their module's imports, helpers and fixtures stay, decorators of pytest go, and the
 * functions are called. Parametrised tests and fixtures of plugins are passed over.
 */
export async function findTestCandidates({ survey, modules, readText }: CandidateContext): Promise<Candidate[]> {
  const candidates: Candidate[] = [];
  const files = survey.files.filter(
    ({ type, language, path }) => type === "test" && language === "Python" && !/conftest\.py$|__init__\.py$/.test(path),
  );
  for (const { path } of files.slice(0, maxTestFiles)) {
    const text = await readText(path);
    if (text === null || text.split("\n").length > 800) continue;
    const module = await splitTestModule(text);
    if (!module || module.tests.length === 0) continue;
    const source = await parsePython(module.code);
    if (source.errorLine !== null || source.usesDunderFile || source.imports.some(({ level }) => level > 0)) continue;
    const { core, other } = findTargetCalls(survey, modules, [source]);
    if (core.length === 0 && other === 0) continue;
    candidates.push({
      id: `${path}#tests`,
      kind: "test",
      path,
      title: `Tests in ${path}`,
      blocks: [
        {
          id: `${path}#tests`,
          path,
          place: `lines 1-${text.split("\n").length}`,
          line: 1,
          prose: "",
          code: module.code,
        },
      ],
      script: null,
      tests: module.tests,
      workingFolder: findWorkingFolder(survey, path, [source]) ?? null,
      coreCalls: core,
      otherCalls: other,
      needs: [],
      score: 0,
    });
  }
  return candidates;
}

interface TestModule {
  code: string;
  tests: Array<{ name: string; fixtures: string[] }>;
}

async function splitTestModule(text: string): Promise<TestModule | null> {
  return withTree("python", text, (tree) => {
    const kept: string[] = [];
    const fixtures = new Map<string, string[]>();
    const tests: TestModule["tests"] = [];
    for (const node of tree.rootNode.namedChildren) {
      if (!node || (node.type === "if_statement" && node.text.includes("__main__"))) continue;
      const definition = node.type === "decorated_definition" ? node.childForFieldName("definition") : node;
      if (definition?.type !== "function_definition") {
        if (node.type !== "class_definition" || !/^class\s+Test/.test(node.text)) kept.push(node.text);
        continue;
      }
      const name = definition.childForFieldName("name")?.text ?? "";
      const decorators =
        node.type === "decorated_definition" ? node.text.slice(0, definition.startIndex - node.startIndex) : "";
      const parameters = (definition.childForFieldName("parameters")?.namedChildren ?? []).map(
        (child) => child?.text ?? "",
      );
      if (/fixture/.test(decorators)) {
        if (/params\s*=|autouse/.test(decorators) || /\byield\b/.test(definition.text)) continue;
        fixtures.set(name, parameters);
        kept.push(definition.text);
      } else if (name.startsWith("test")) {
        if (
          /parametrize|skip|xfail|mark\.slow|network|given\(/.test(decorators) ||
          parameters.some((parameter) => !fixtures.has(parameter))
        )
          continue;
        if (tests.length >= maxTestsPerFile) continue;
        tests.push({ name, fixtures: parameters });
        kept.push(definition.text);
      } else kept.push(node.text);
    }
    if ([...fixtures.values()].some((parameters) => parameters.length > 0)) {
      return { code: "", tests: [] };
    }
    return { code: dedent(kept.join("\n\n")), tests };
  });
}
