import { describeStep, type Execution, stepSucceeded } from "../../example/execution.ts";
import { trimOutput } from "../../example/trim-output.ts";
import type { CoreFunction } from "../../repository/core-functions.ts";
import type { Survey } from "../../repository/survey.ts";
import { plainName, quoteData } from "./quoted-data.ts";

/** A titled piece of what a program left, for a prompt. */
export interface Part {
  title: string;
  text: string;
}

export function describeCore(coreFunctions: readonly CoreFunction[], mark: string): string {
  if (coreFunctions.length === 0) return "None could be told by reading: find out what it is for.";
  const lines = coreFunctions.map(
    ({ signature, kind, doc, path, line }, index) =>
      `${index + 1}. ${kind === "class" ? "" : `${kind} `}${signature} (${path}:${line})${doc ? `: ${doc.slice(0, 160)}` : ""}`,
  );
  return quoteData(mark, { kind: "core functions" }, lines.join("\n"));
}

/** Only what cannot read like a sentence: this stands in a line of our own. */
export function describePackage({ packaging }: Survey): string {
  const { name, version, pythonRequires, dependencies } = packaging;
  if (name === null) return "";
  const needs = dependencies
    .slice(0, 40)
    .map(({ requirement: { name, extras, specifier } }) => `${name}${extras}${specifier}`);
  const python = pythonRequires?.replace(/\s+/g, "") ?? "";
  return [
    `${name}${version ? ` ${version}` : ""}`,
    ...(/^[\d.,<>=!~*]+$/.test(python) ? [`Python ${python}`] : []),
    needs.length > 0 ? `needs ${needs.join(", ")}` : "declares no dependencies",
  ].join("; ");
}

/** Paths, shallow ones first; large repositories are cut. */
export function listPaths({ files }: Survey, mark: string, most = 100): string {
  const shallow = [...files]
    .filter(({ type }) => type !== "licence")
    .sort((a, b) => a.path.split("/").length - b.path.split("/").length || (a.path < b.path ? -1 : 1));
  const more = shallow.length > most ? [`[... ${shallow.length - most} more]`] : [];
  const shown = shallow
    .slice(0, most)
    .map(({ path, type, bytes }) => (type === "data" || type === "notebook" ? `${path} (${bytes} bytes)` : path));
  return quoteData(mark, { kind: "paths" }, [...shown, ...more].join("\n"));
}

/** What an execution establishes, the same wherever it is run: no times, no texts of programs. */
export function listFacts({
  environment,
  program,
  log,
  results,
  resultsProblem,
  evidence,
  files,
}: Execution): string[] {
  if (!stepSucceeded(environment))
    return [`runscript.sh ended with ${describeStep(environment)}; main.py was not run.`];
  const facts = [`runscript.sh succeeded; main.py ended with ${program ? describeStep(program) : "no status"}.`];
  for (const { example, message, error } of log.filter(({ example }) => example).slice(0, 40)) {
    if (message === "started") continue;
    const name = plainName(example ?? "");
    facts.push(error ? `${name} failed: ${plainName(error.type)}.` : `${name} finished.`);
  }
  facts.push(resultsProblem ?? (results === null ? "There is no results.json." : "results.json holds values."));
  if (evidence.functions.length === 0) facts.push("No function of the repository was seen to run.");
  for (const { module } of evidence.impostors.slice(0, 5))
    facts.push(`The module ${plainName(module)} was not loaded from the repository's unchanged files.`);
  for (const { type, line, file } of evidence.swallowed.filter(({ file }) => file.endsWith("/main.py")).slice(0, 5))
    facts.push(`${file.split("/").at(-1)} line ${line} caught ${plainName(type)} and went on.`);
  if (files.length > 0)
    facts.push(
      `Files in to_save/: ${files
        .slice(0, 12)
        .map(({ path }) => plainName(path))
        .join(", ")}.`,
    );
  return facts;
}

/** Functions of the repository that ran, most called first. */
export function listCalled({ evidence }: Execution, most = 25): string {
  return evidence.functions
    .slice(0, most)
    .map(({ qualname, path, count }) => `${qualname} (${path}): ${count >= 1000 ? "1000 or more" : count} calls`)
    .join("\n");
}

/** What the steps printed, as much of it as says something; a step that succeeded says little about a failure. */
export function showOutput(execution: Execution, mark: string, characters: number): Part[] {
  const { environment, program, log } = execution;
  const parts: Part[] = [];
  const add = (title: string, text: string, limit: number): void => {
    if (text.trim()) parts.push({ title, text: quoteData(mark, { kind: "output" }, trimOutput(text.trim(), limit)) });
  };
  if (!stepSucceeded(environment)) {
    add("runscript.sh, errors", environment.stderr, characters * 0.6);
    add("runscript.sh, output", environment.stdout, characters * 0.4);
    return parts;
  }
  const failed = log.flatMap(({ example, error }) => (error ? [`${example}\n${error.traceback}`] : []));
  add("Tracebacks", failed.join("\n"), characters * 0.6);
  if (failed.length === 0 || !stepSucceeded(program))
    add("main.py, errors", withoutTracebacks(program?.stderr ?? "", failed), characters * 0.4);
  add("main.py, output", program?.stdout ?? "", characters * 0.3);
  return parts;
}

/** Faults that the repository's own code caught and passed over: a result that came of them may be worth nothing. */
export function showCaught({ evidence }: Execution, mark: string): Part[] {
  const caught = evidence.swallowed.filter(
    ({ type, file }) =>
      /^(NameError|AttributeError|TypeError|ImportError|ModuleNotFoundError|UnboundLocalError)$/.test(type) &&
      file.includes("/source/"),
  );
  if (caught.length === 0) return [];
  const lines = caught
    .slice(0, 10)
    .map(
      ({ file, line, type, message, count }) =>
        `${file.split("/source/").at(-1)} line ${line}: ${type}: ${message.slice(0, 120)} (${count >= 1000 ? "1000 or more" : count} times)`,
    );
  return [
    {
      title: "Errors that the repository's code caught and passed over",
      text: quoteData(mark, { kind: "caught" }, lines.join("\n")),
    },
  ];
}

/** Versions of what a new environment holds; one that was used before was told before. */
export function showPackages({ environment, packages }: Execution, mark: string): Part[] {
  if (environment.reused || packages.length === 0) return [];
  return [{ title: "Installed", text: quoteData(mark, { kind: "packages" }, packages.slice(0, 60).join(" ")) }];
}

export function showResults({ results }: Execution, mark: string, characters: number): Part[] {
  if (results === null || results === undefined) return [];
  const text = JSON.stringify(shorten(results)) ?? "";
  const shown =
    text.length > characters ? `${text.slice(0, characters)} [... ${text.length - characters} characters]` : text;
  return [{ title: "results.json", text: quoteData(mark, { kind: "results" }, shown) }];
}

/** What was printed is shown elsewhere; of long lists the beginning says enough, and of numbers six digits. */
function shorten(value: unknown): unknown {
  if (typeof value === "number") return Number(value.toPrecision(6));
  if (Array.isArray(value)) {
    const shown = value.slice(0, 8).map(shorten);
    return value.length > 8 ? [...shown, `... ${value.length - 8} more`] : shown;
  }
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).filter(([key]) => key !== "printed");
  return Object.fromEntries(entries.map(([key, each]) => [key, shorten(each)]));
}

/** main.py prints each traceback that the log has as well; others (of a thread, of a subprocess) are told by nobody else. */
function withoutTracebacks(stderr: string, failed: readonly string[]): string {
  if (failed.length === 0) return stderr;
  return stderr.replace(/Traceback \(most recent call last\):\n(?: .*\n?)*(?:\w[\w.]*(?::.*)?\n?)?/g, (traceback) => {
    const last = traceback.trimEnd().split("\n").at(-1) ?? "";
    return failed.some((known) => known.includes(last)) ? "" : traceback;
  });
}
