import { satisfies } from "@renovatebot/pep440";
import type { StepResult } from "../../example/execution.ts";
import { normalizeName } from "../../repository/requirement.ts";
import type { PythonInterpreter } from "../../sandboxes/sandbox.ts";
import type { AuthorContext } from "../author.ts";
import type { Decisions } from "./decisions.ts";
import { adviseSystemPackages, dropUseless, repairSystem } from "./system-packages.ts";

export interface Repair {
  decisions: Decisions;
  issues: string[];
  changes: string[];
}

/** One repair of an environment that could not be built, by what pip said; null where no rule applies. */
export function repairEnvironment(
  step: StepResult,
  given: Decisions,
  context: AuthorContext,
  triedPythons: readonly string[],
): Repair | null {
  const output = `${step.stdout}\n${step.stderr}`;
  const decisions = dropUseless(output, given);
  const issue = lastErrorLine(output);
  const repaired = (changed: Partial<Decisions>, change: string): Repair => ({
    decisions: { ...decisions, ...changed },
    issues: [issue],
    changes: [change],
  });
  if (step.status !== "exited" || /ensurepip is not available|No module named (ensurepip|venv)/.test(output))
    return null;

  const system = repairSystem(output, decisions, context.sandbox);
  if (system) return repaired(system.changed, system.change);
  const advice = adviseSystemPackages(output, context.sandbox);
  const culprit = findCulprit(output, step.stdout, context);
  const target = culprit?.isTarget ?? false;
  const failed = culprit && !target ? culprit.name : null;
  const isOldCython = /undeclared name not builtin: (long|unicode|basestring|xrange)|CompileError|noexcept/.test(
    output,
  );
  if (target && decisions.install === "pip" && !isOldCython) {
    const missing = [...output.matchAll(/(?:ModuleNotFoundError|ImportError): No module named '?([\w.]+)'?/g)].map(
      (match) => match[1] ?? "",
    );
    const needsBuild = missing.length > 0 || /cython|numpy|\.pyx/i.test(output);
    if (needsBuild) {
      const names = [
        "setuptools<81",
        "wheel",
        "numpy",
        ...(context.survey.packaging.compiled ? ["cython"] : []),
        ...buildNames(missing, context),
      ];
      return repaired(
        { install: "pip-no-isolation", buildRequirements: [...new Set(names)] },
        `the package is built against what is installed first (${names.join(", ")}), because its build does not say what it needs`,
      );
    }
  }
  if (
    target &&
    decisions.install !== "path" &&
    !decisions.buildRequirements.includes("cython<3") &&
    context.survey.packaging.compiled
  ) {
    const known = decisions.buildRequirements.length > 0 ? decisions.buildRequirements : ["setuptools<81", "wheel"];
    const names = known.filter((name) => name !== "cython" && name !== "numpy");
    return repaired(
      { install: "pip-no-isolation", buildRequirements: [...names, "cython<3", "numpy<2"] },
      "built with Cython before version 3 and numpy before version 2",
    );
  }
  if (target && !context.survey.packaging.compiled && decisions.install !== "path") {
    return repaired(
      { install: "path", buildRequirements: [] },
      "the package is used from its folder, because it cannot be built",
    );
  }
  const nowhere = failed !== null && /\(from versions: none\)/.test(output);
  const older = nowhere ? null : olderPython(context, decisions, triedPythons);
  if (older && (target || failed !== null) && needsOlderPython(output, failed, context)) {
    return repaired(
      { python: older.path, pythonVersion: older.version },
      `Python ${older.version} instead of ${decisions.pythonVersion}, because the packages asked for are from its time`,
    );
  }
  if (failed && !decisions.leftOut.some(({ id }) => id === normalizeName(failed))) {
    const declared = context.survey.packaging.dependencies.find(
      ({ requirement }) => normalizeName(requirement.name) === normalizeName(failed),
    );
    const specifier = declared?.requirement.specifier ?? "";
    if (specifier && !decisions.requirements.some(({ line }) => line === failed) && decisions.install === "path") {
      return repaired(
        { requirements: [...decisions.requirements, { line: failed, why: "its declared version is not to be had" }] },
        `${failed} in any version instead of ${specifier}`,
      );
    }
    return repaired(
      {
        leftOut: [
          ...decisions.leftOut,
          {
            id: normalizeName(failed),
            why: `it cannot be installed here (${issue.slice(0, 160)})${advice && `; it ${advice}`}`,
          },
        ],
      },
      `${failed} left out, because it cannot be installed here`,
    );
  }
  return null;
}

/** What pip was at when it gave up: a distribution, or the repository itself. */
function findCulprit(
  output: string,
  stdout: string,
  context: AuthorContext,
): { name: string; isTarget: boolean } | null {
  const unavailable =
    /(?:No matching distribution found for|Could not find a version that satisfies the requirement) ([\w.-]+)/.exec(
      output,
    )?.[1];
  const unbuilt =
    /(?:Failed building wheel for|Could not build wheels for|Failed to build (?:installable wheels for some pyproject\.toml based projects \()?'?) ?([\w.-]+)/.exec(
      output,
    )?.[1];
  const last = [...stdout.matchAll(/^\s*(?:Collecting ([\w.-]+)|Processing (\.\/\S+))/gm)].at(-1);
  const name = unavailable ?? unbuilt ?? last?.[1] ?? last?.[2];
  if (!name) return null;
  const own = context.survey.packaging.name;
  return { name, isTarget: name.startsWith("./") || (own !== null && normalizeName(own) === normalizeName(name)) };
}

function buildNames(missing: readonly string[], context: AuthorContext): string[] {
  const known = [
    ...context.survey.packaging.buildRequires,
    ...context.survey.packaging.dependencies.map(({ requirement }) => requirement),
  ];
  return missing.flatMap((module) => {
    const found = known.find(({ name }) => normalizeName(name) === normalizeName(module.split(".")[0] ?? ""));
    return found ? [`${found.name}${found.specifier}`] : [];
  });
}

/** Old pins, and C sources of before Python 3.11, are what an older interpreter cures. */
function needsOlderPython(output: string, failed: string | null, context: AuthorContext): boolean {
  const bounded = context.survey.packaging.dependencies.some(
    ({ requirement }) => requirement.specifier.includes("<") || requirement.specifier.includes("=="),
  );
  const isBounded =
    failed !== null &&
    context.survey.packaging.dependencies.some(
      ({ requirement }) =>
        normalizeName(requirement.name) === normalizeName(failed) && /<|==|~=/.test(requirement.specifier),
    );
  return (
    isBounded ||
    /Requires-Python|requires a different Python/.test(output) ||
    (bounded && /_PyUnicode|longintrepr\.h|tstate|PyFrameObject|_PyGen|Py_TPFLAGS/.test(output))
  );
}

function olderPython(
  { sandbox }: AuthorContext,
  decisions: Decisions,
  tried: readonly string[],
): PythonInterpreter | null {
  const minor = (version: string): number => Number(/^3\.(\d+)/.exec(version)?.[1] ?? 0);
  const older = sandbox.pythons
    .filter(
      ({ path, version, hasHeaders }) =>
        hasHeaders &&
        version.startsWith("3.") &&
        minor(version) >= 7 &&
        minor(version) < minor(decisions.pythonVersion) &&
        !tried.includes(path),
    )
    .sort((a, b) => minor(b.version) - minor(a.version));
  return older.find(({ version }) => minor(version) <= 8) ?? older[0] ?? null;
}

export function lastErrorLine(output: string): string {
  const lines = output
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
  const errors = lines.filter(
    (line) =>
      /error|not found|no matching|failed/i.test(line) && !/note:|hint:|\[end of output\]|exit code/i.test(line),
  );
  return (errors.at(-1) ?? lines.at(-1) ?? "The environment could not be built.").slice(0, 300);
}

/** Whether a version fits `requires-python`; a specifier that is no PEP 440 excludes nothing. */
function satisfiesPep440(version: string, specifier: string): boolean {
  try {
    return satisfies(version, specifier);
  } catch {
    return true;
  }
}

export function chooseInitialPython(context: AuthorContext): PythonInterpreter | null {
  const wanted = context.survey.packaging.pythonRequires;
  const three = context.sandbox.pythons.filter(({ version }) => version.startsWith("3."));
  const fits = wanted ? three.filter(({ version }) => satisfiesPep440(version, wanted)) : three;
  return fits[0] ?? three[0] ?? null;
}
