import type { Execution, LogEntry } from "../../example/execution.ts";
import { normalizeName, parseRequirement } from "../../repository/requirement.ts";
import type { AuthorContext, AuthorReason } from "../author.ts";
import type { Block, Candidate, CandidateContext } from "./candidate.ts";
import type { Decisions } from "./decisions.ts";
import { distributionFor } from "./distributions.ts";
import { resolvePath } from "./paths-in-code.ts";
import { pins, pythonChanges } from "./pins.ts";
import { adviseSystemPackages, repairSystem } from "./system-packages.ts";

type ProgramError = NonNullable<LogEntry["error"]>;

export interface Failure {
  candidate: Candidate;
  error: ProgramError;
  main: string;
}

/** What a rule proposes for one failing example: a change of the decisions, or that it cannot be saved. */
export type Proposal =
  | { kind: "change"; apply: (decisions: Decisions) => Decisions; change: string }
  | { kind: "reject"; reasonCode: AuthorReason; why: string };

/** Reasons that no repair cures. */
const hopeless: Array<{ pattern: RegExp; reasonCode: AuthorReason; why: string }> = [
  {
    pattern: /CUDA GPUs|not compiled with CUDA|NVIDIA driver|cudaErrorNoDevice|CUDA_ERROR|no CUDA-capable/i,
    reasonCode: "needs-gpu",
    why: "it needs a GPU",
  },
  {
    pattern:
      /no display name|\$DISPLAY|TclError|could not connect to display|libGL\.so|Cannot load backend '(TkAgg|Qt\w+)'|No module named '_?tkinter'/i,
    reasonCode: "needs-gui",
    why: "it opens a window",
  },
  {
    pattern:
      /name resolution|Name or service not known|Network is unreachable|Failed to establish a new connection|urlopen error|ConnectionError|Max retries exceeded|getaddrinfo failed/i,
    reasonCode: "needs-data",
    why: "it fetches something from the network while it runs",
  },
  { pattern: /api[_ ]?key|AuthenticationError|OPENAI_API/i, reasonCode: "needs-api-key", why: "it needs an API key" },
];

export function proposeRepair(
  failure: Failure,
  decisions: Decisions,
  context: AuthorContext,
  search: CandidateContext,
  prose: string,
): Proposal {
  const { error } = failure;
  const text = `${error.type}: ${error.message}\n${error.traceback}`;
  const rules = [
    missingSystem,
    missingModule,
    pythonTwo,
    olderPython,
    removedName,
    missingFile,
    askedForInput,
    withoutIsolation,
  ];
  for (const rule of rules) {
    const proposal = rule(failure, text, decisions, context, search, prose);
    if (proposal) return proposal;
  }
  const advice = adviseSystemPackages(`${error.type}: ${error.message}`, context.sandbox);
  const advised = advice && `; it ${advice}`;
  const lost = hopeless.find(({ pattern }) => pattern.test(text));
  if (lost)
    return {
      kind: "reject",
      reasonCode: lost.reasonCode,
      why: `${lost.why} (${error.type}: ${error.message.slice(0, 120)})${advised}`,
    };
  return (
    dropBlock(failure) ?? {
      kind: "reject",
      reasonCode: "examples-fail",
      why: `${error.type}: ${error.message.slice(0, 200)}${advised}`,
    }
  );
}

type Rule = (
  failure: Failure,
  text: string,
  decisions: Decisions,
  context: AuthorContext,
  search: CandidateContext,
  prose: string,
) => Proposal | null;

/** Asked of the error alone: a traceback shows code that may name any program. */
const missingSystem: Rule = ({ error }, _text, decisions, { sandbox }) => {
  const repair = repairSystem(`${error.type}: ${error.message}`, decisions, sandbox);
  if (!repair) return null;
  const { systemPackages } = repair.changed;
  return {
    kind: "change",
    apply: (known) => ({
      ...known,
      systemPackages: [...new Set([...known.systemPackages, ...systemPackages])].sort(),
    }),
    change: repair.change,
  };
};

const missingModule: Rule = (_failure, text, decisions, { survey }, { modules }, prose) => {
  const module = /(?:ModuleNotFoundError|ImportError): No module named '?([\w.]+)'?/.exec(text)?.[1];
  if (!module) return null;
  const top = module.split(".")[0] ?? module;
  if (modules.topLevel.has(top)) {
    if (decisions.install === "path" || survey.packaging.compiled) return null;
    return {
      kind: "change",
      apply: (known) => ({ ...known, install: "path" }),
      change: `the repository's folder is searched for modules, because its package does not install ${module}`,
    };
  }
  const pinned = pins.find(({ pattern }) => pattern.test(text));
  if (pinned) return addPin(pinned, decisions);
  const { requirement, why } = distributionFor(top, survey, prose);
  const leftOut =
    requirement && decisions.leftOut.find(({ id }) => id === normalizeName(parseRequirement(requirement)?.name ?? ""));
  if (leftOut) return { kind: "reject", reasonCode: "missing-module", why: `it needs ${module}: ${leftOut.why}` };
  if (!requirement || hasRequirement(decisions, requirement)) {
    return {
      kind: "reject",
      reasonCode: "missing-module",
      why: requirement ? `the module ${module} is missing although ${requirement} is installed` : why,
    };
  }
  return {
    kind: "change",
    apply: (known) => ({ ...known, requirements: [...known.requirements, { line: requirement, why }] }),
    change: `${requirement} added: ${why}`,
  };
};

const pythonTwo: Rule = (_failure, text, decisions, { survey }) => {
  if (
    !/SyntaxError|TabError|NameError: name '(xrange|raw_input|unicode|basestring)'/.test(text) ||
    survey.python2.length === 0 ||
    decisions.port
  )
    return null;
  return {
    kind: "change",
    apply: (known) => ({ ...known, port: true, install: "path" }),
    change: "the repository's Python 2 files are ported with fissix (2to3), openly, in source/",
  };
};

const removedName: Rule = (_failure, text, decisions, { survey }) => {
  const applies = ({ pattern, requirement, imports }: (typeof pins)[number]): boolean =>
    pattern.test(text) &&
    !hasRequirement(decisions, requirement) &&
    (imports === undefined || survey.importedNames.includes(imports));
  const pinned = pins.find(applies);
  return pinned ? addPin(pinned, decisions) : null;
};

const olderPython: Rule = (_failure, text, decisions, { sandbox }) => {
  const moved = pythonChanges.find(({ pattern }) => pattern.test(text));
  const minor = (version: string): number => Number(/^3\.(\d+)/.exec(version)?.[1] ?? 99);
  if (!moved || minor(decisions.pythonVersion) <= moved.lastMinor) return null;
  const fitting = sandbox.pythons
    .filter(({ version }) => minor(version) <= moved.lastMinor && minor(version) >= 7)
    .sort((a, b) => minor(b.version) - minor(a.version))[0];
  if (!fitting)
    return {
      kind: "reject",
      reasonCode: "examples-fail",
      why: `it needs Python 3.${moved.lastMinor} or older (${moved.why}), which is not installed here`,
    };
  return {
    kind: "change",
    apply: (known) => ({ ...known, python: fitting.path, pythonVersion: fitting.version }),
    change: `Python ${fitting.version} instead of ${decisions.pythonVersion}: ${moved.why}`,
  };
};

function addPin(pin: (typeof pins)[number], decisions: Decisions): Proposal | null {
  if (hasRequirement(decisions, pin.requirement)) return null;
  const name = normalizeName(parseRequirement(pin.requirement)?.name ?? "");
  return {
    kind: "change",
    apply: (known) => ({
      ...known,
      requirements: [
        ...known.requirements.filter(({ line }) => normalizeName(parseRequirement(line)?.name ?? "") !== name),
        { line: pin.requirement, why: pin.why },
      ],
    }),
    change: `${pin.requirement}: ${pin.why}`,
  };
}

function hasRequirement(decisions: Decisions, line: string): boolean {
  return decisions.requirements.some((known) => known.line === line);
}

const missingFile: Rule = ({ candidate, error }, text, decisions, { survey, sandbox }) => {
  const wanted =
    /(?:FileNotFoundError|OSError|IOError|NotADirectoryError)[^\n]*?['"]([^'"\n]+)['"]|^(?:FileNotFoundError|OSError)[^\n]*?\s([\w./-]+\.\w+) not found/m.exec(
      text,
    );
  const name = wanted?.[1] ?? wanted?.[2];
  if (!name) return null;
  // subprocess tells a program that is not there as it tells a file.
  if (!name.includes("/") && /\b_execute_child\b/.test(text)) {
    const advice = adviseSystemPackages(`${error.type}: ${error.message}`, sandbox);
    const why = `it runs the program ${name.slice(0, 120)}, which the sandbox does not have${advice && `; it ${advice}`}`;
    return { kind: "reject", reasonCode: "needs-program", why };
  }
  if (/\.venv\/lib\/|site-packages/.test(name) && decisions.install !== "path") {
    return {
      kind: "change",
      apply: (known) => ({ ...known, install: "path" }),
      change: `the repository is used from its folder, because its package does not install ${name.split("/").at(-1)}`,
    };
  }
  const found = findFile(
    name,
    candidate.path,
    survey.files.map(({ path }) => path),
  );
  const block = candidate.blocks.find(({ code }) => code.includes(name));
  const used = decisions.replacements.some(({ from, block: id }) => from.includes(name) && id === block?.id);
  if (!found || !block || used)
    return {
      kind: "reject",
      reasonCode: "needs-data",
      why: `it reads ${name.slice(0, 120)}, which the repository does not hold`,
    };
  const quoted = [`"${name}"`, `'${name}'`].find((each) => block.code.includes(each));
  if (!quoted)
    return { kind: "reject", reasonCode: "needs-data", why: `it reads ${name.slice(0, 120)} by a computed name` };
  return {
    kind: "change",
    apply: (known) => ({
      ...known,
      replacements: [
        ...known.replacements,
        {
          block: block.id,
          from: quoted,
          to: `str(SOURCE / ${JSON.stringify(found)})`,
          why: `${name} is read from ${found} in the repository`,
        },
      ],
    }),
    change: `${name} is read from ${found} in the repository`,
  };
};

/** The file of the repository that a name means: by its whole path, then by its last part, in any case. */
function findFile(name: string, near: string, paths: readonly string[]): string | null {
  const folder = near.split("/").slice(0, -1).join("/");
  const direct = resolvePath(folder, name) ?? name;
  if (paths.includes(direct)) return direct;
  const tail = name.replace(/^(\.\.?\/)+/, "").toLowerCase();
  const last = tail.split("/").at(-1) ?? tail;
  if (last.length < 3) return null;
  const lower = paths.map((path) => ({ path, key: path.toLowerCase() }));
  const matches = [
    ...lower.filter(({ key }) => key === tail || key.endsWith(`/${tail}`)),
    ...lower.filter(({ key }) => key.split("/").at(-1) === last),
  ];
  return matches.sort((a, b) => a.path.split("/").length - b.path.split("/").length)[0]?.path ?? null;
}

const askedForInput: Rule = ({ candidate }, text, decisions) => {
  if (!/EOFError/.test(text)) return null;
  const offered = /(?:input|raw_input)\([^\n]*?[[(](?:default\s*[:=]?\s*)?([\w.+-]+)[\])]/.exec(text)?.[1];
  if (!offered || !candidate.script || decisions.standardInput.some(({ id }) => id === candidate.id)) {
    return { kind: "reject", reasonCode: "needs-data", why: "it asks questions that only a person can answer" };
  }
  return {
    kind: "change",
    apply: (known) => ({
      ...known,
      standardInput: [...known.standardInput, { id: candidate.id, lines: Array.from({ length: 8 }, () => offered) }],
    }),
    change: `questions are answered with the default they offer, ${offered}`,
  };
};

/** A package that asks for its own metadata has to be installed. */
const withoutIsolation: Rule = (_failure, text, decisions, { survey }) => {
  if (
    !/PackageNotFoundError|DistributionNotFound/.test(text) ||
    decisions.install !== "path" ||
    !survey.packaging.installable
  )
    return null;
  return {
    kind: "change",
    apply: (known) => ({ ...known, install: "pip" }),
    change: "the repository is installed with pip, because it reads its own metadata",
  };
};

/** Leaves out the block of a session in which the error came up; what depends on it goes when the session is written again. */
function dropBlock({ candidate, error, main }: Failure): Proposal | null {
  if (candidate.script || candidate.blocks.length < 2) return null;
  const lines = main.split("\n");
  const numbers = [...error.traceback.matchAll(/File "[^"]*main\.py", line (\d+), in example\d+/g)].map((match) =>
    Number(match[1]),
  );
  const at = numbers.at(-1);
  if (at === undefined) return null;
  const block = blockAtLine(candidate, lines, at);
  if (!block) return null;
  const why = `${error.type}: ${error.message.slice(0, 120)}`;
  return {
    kind: "change",
    apply: (known) => ({ ...known, droppedBlocks: [...known.droppedBlocks, { id: block.id, why }] }),
    change: `${block.path}, ${block.place} left out: ${why}`,
  };
}

function blockAtLine(candidate: Candidate, lines: readonly string[], at: number): Block | null {
  for (let index = at - 1; index >= 0; index--) {
    const line = lines[index] ?? "";
    if (line.startsWith("def ")) return null;
    const block = candidate.blocks.find(
      ({ place }) => /^ {4}# .*, (lines? [\d-]+|cell \d+)$/.test(line) && line.endsWith(`, ${place}`),
    );
    if (block) return block;
  }
  return null;
}

/** Examples that did not finish: with their error, or without one for the one that was running when the program ended. */
export function readFailures(execution: Execution): {
  failed: Map<string, ProgramError>;
  unfinished: string | null;
  finished: Set<string>;
} {
  const failed = new Map<string, ProgramError>();
  const finished = new Set<string>();
  let running: string | null = null;
  for (const { example, message, error } of execution.log) {
    if (!example) continue;
    if (message === "started") running = example;
    else {
      running = null;
      if (error) failed.set(example, error);
      else finished.add(example);
    }
  }
  return { failed, unfinished: running, finished };
}
