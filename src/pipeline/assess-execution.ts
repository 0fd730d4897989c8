import { describeStep, type Execution, stepSucceeded } from "../example/execution.ts";
import type { CoreFunction } from "../repository/core-functions.ts";
import type { Check, CoreCoverage, Verdict } from "./outcome.ts";

/** The first two steps of the verdict, and which core functions ran. */
export function assessExecution(
  execution: Execution,
  coreFunctions: readonly CoreFunction[],
  ported = false,
): Pick<Verdict, "executed" | "grounded" | "coverage"> {
  const coverage = measureCoverage(execution, coreFunctions);
  const executed = assessExecuted(execution);
  return {
    executed,
    grounded:
      executed.result === "passed"
        ? assessGrounded(execution, coverage, coreFunctions, ported)
        : notMade("the example did not run to its end"),
    coverage,
  };
}

export function notMade(why: string): Check {
  return { result: "not-made", evidence: `Not made: ${why}.` };
}

function assessExecuted({ environment, program, resultsProblem, results }: Execution): Check {
  if (!stepSucceeded(environment))
    return { result: "failed", evidence: `Building the environment ended with ${describeStep(environment)}.` };
  if (!program || !stepSucceeded(program))
    return {
      result: "failed",
      evidence: `The environment was built; main.py ended with ${program ? describeStep(program) : "no status"}.`,
    };
  if (resultsProblem !== null || results === null)
    return { result: "failed", evidence: `main.py exited with 0, but ${resultsProblem ?? "left no results"}.` };
  return {
    result: "passed",
    evidence: `Both steps exited with 0 (environment ${environment.reused ? "reused" : `${environment.seconds} s`}, main.py ${program.seconds} s), and results.json holds values.`,
  };
}

/**
 * Grounded: functions of the repository ran, from its own files, and among them most of the three that its documents,
 * examples and tests use most. A module under the repository's name from anywhere else ends it.
 */
function assessGrounded(
  { evidence }: Execution,
  { called }: CoreCoverage,
  coreFunctions: readonly CoreFunction[],
  ported: boolean,
): Check {
  const impostor = evidence.impostors[0];
  if (impostor)
    return {
      result: "failed",
      evidence: `The module ${impostor.module} was loaded from ${impostor.file}, not from the repository.`,
    };
  if (evidence.functions.length === 0)
    return { result: "failed", evidence: "No function of the repository was seen to run." };
  const ran = `${evidence.functions.length} functions of the repository ran`;
  const wasCalled = (core: CoreFunction): boolean =>
    called.some(({ path, qualifiedName }) => path === core.path && qualifiedName === core.qualifiedName);
  // Not every call inside a compiled module can be seen: one that was not is no evidence against the example.
  const first = coreFunctions.filter((core) => wasCalled(core) || !core.path.endsWith(".pyx")).slice(0, 3);
  const reached = first.filter(wasCalled);
  const wanted = Math.ceil(first.length / 2);
  const share = `${called.length} of its ${coreFunctions.length} core functions`;
  if (reached.length < wanted) {
    const missing = first.filter((core) => !reached.includes(core)).map(({ qualifiedName }) => qualifiedName);
    return {
      result: "failed",
      evidence: `${ran}, ${share}, but not what the repository is mostly used for: ${missing.join(", ")}.`,
    };
  }
  const files = ported ? "its files as runscript.sh ports them to Python 3" : "the files of the pinned commit";
  return {
    result: "passed",
    evidence: coreFunctions.length === 0 ? `${ran}, from ${files}.` : `${ran} from ${files}, ${share}.`,
  };
}

function measureCoverage({ evidence }: Execution, coreFunctions: readonly CoreFunction[]): CoreCoverage {
  const coverage: CoreCoverage = { called: [], notCalled: [] };
  for (const core of coreFunctions) {
    const count = evidence.functions
      .filter((observed) => isCallOf(core, observed))
      .reduce((sum, observed) => sum + observed.count, 0);
    if (count > 0) coverage.called.push({ ...core, count });
    else coverage.notCalled.push(core);
  }
  return coverage;
}

/** A class counts as called when one of its methods ran: a class without `__init__` leaves no call of its own. */
function isCallOf(core: CoreFunction, observed: Execution["evidence"]["functions"][number]): boolean {
  if (observed.compiled)
    return (
      observed.qualname.split(".").at(-1) === core.name &&
      core.path
        .split("/")
        .at(-1)
        ?.replace(/\.\w+$/, "") === observed.module.split(".").at(-1)
    );
  if (observed.path !== core.path) return false;
  return (
    observed.qualname === core.qualifiedName ||
    (core.kind === "class" && observed.qualname.startsWith(`${core.qualifiedName}.`))
  );
}
