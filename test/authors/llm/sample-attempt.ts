import type { Attempt } from "../../../src/authors/author.ts";
import type { WrittenMemory } from "../../../src/authors/llm/memory.ts";
import { type Draft, unknownRequirements } from "../../../src/example/example.ts";
import type { Execution, LogEntry } from "../../../src/example/execution.ts";
import { makeDecisions, makeStep } from "../../support/author-context.ts";

/** A run that went well: nothing was printed, nothing was seen. */
export function makeExecution(given: Partial<Execution> = {}): Execution {
  return {
    environment: makeStep(),
    program: makeStep(),
    results: { example1: { values: { period: 5560.2 }, printed: ["period: 5560.2"] } },
    resultsProblem: null,
    log: [],
    files: [],
    left: [],
    evidence: { processes: 1, python: "3.11.2", functions: [], impostors: [], modules: [], swallowed: [], errors: [] },
    packages: [],
    ...given,
  };
}

export function makeDraft(given: Partial<Draft> = {}): Draft {
  return {
    files: {
      "main.py": "def example1():\n    return {}\n",
      "requirements.txt": "",
      "runscript.sh": "#!/usr/bin/env bash\n",
    },
    metadata: {
      repository_url: null,
      description: "",
      example_description: "",
      example_inclusion_criteria: "",
      example_exclusion_criteria: "",
      example_type: "library_demo",
      user_type: "no_user",
      compute_requirements: unknownRequirements,
    },
    python: "/usr/bin/python3",
    changesSource: false,
    preliminary: false,
    provenance: [],
    memory: null,
    ...given,
  };
}

export function makeAttempt(given: Partial<Attempt> = {}): Attempt {
  return { draft: makeDraft(), execution: makeExecution(), shortcomings: [], differences: [], ...given };
}

/** Of a conversation that has not begun. */
export function makeMemory(given: Partial<WrittenMemory> = {}): WrittenMemory {
  return {
    phase: "written",
    groundwork: { told: "What was tried.", measured: "What it printed." },
    decisions: makeDecisions(),
    ownRunscript: false,
    turns: [],
    contextTokens: 4000,
    byRule: [],
    ...given,
  };
}

export function started(example: string): LogEntry {
  return { level: "info", message: "started", example };
}

export function finished(example: string): LogEntry {
  return { level: "info", message: "finished", example, seconds: 1.25 };
}

export function failed(example: string, type = "ValueError", message = "it went wrong"): LogEntry {
  const traceback = `Traceback (most recent call last):\n  File "main.py", line 3, in ${example}\n${type}: ${message}\n`;
  return { level: "error", message: "failed", example, error: { type, message, traceback } };
}
