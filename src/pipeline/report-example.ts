import type { Execution } from "../example/execution.ts";
import type { CoreFunction } from "../repository/core-functions.ts";
import { lineOfFunction } from "./report-code.ts";
import { formatCount } from "./report-format.ts";
import type { Linker, Place } from "./report-links.ts";
import { type ReportedSurvey, shownIteration } from "./report-run.ts";
import type { RunState } from "./run-state.ts";

interface CoreFunctionDescription {
  name: string;
  kind: string;
  signature: string;
  doc: string;
  place: Place;
  usedIn: string;
  /** Null where it was not called. */
  count: string | null;
}

export interface ExampleDescription {
  description: string;
  called: CoreFunctionDescription[];
  notCalled: CoreFunctionDescription[];
  /** Everything of the repository that ran, most called first. */
  observed: Array<{ name: string; place: Place; count: string }>;
  provenance: ProvenanceDescription[];
}

export interface ProvenanceDescription {
  example: string;
  /** The line of `main.py` that defines it. */
  line: number | null;
  title: string;
  place: Place;
  changes: string[];
}

const maxObserved = 60;

/** What the example shows and where it was taken from. */
export function describeExample(state: RunState, survey: ReportedSurvey | null, linker: Linker): ExampleDescription {
  const iteration = shownIteration(state);
  const coverage = state.distiller.verdict?.coverage ?? iteration?.verdict?.coverage;
  const evidence = iteration?.execution?.evidence;
  const describe = (core: CoreFunction & { count?: number }) => describeCore(core, linker);
  return {
    description: iteration?.draft.metadata.example_description ?? "",
    called: (coverage?.called ?? []).map(describe),
    notCalled: (coverage?.notCalled ?? survey?.coreFunctions ?? []).map(describe),
    observed: (evidence?.functions ?? []).slice(0, maxObserved).map(({ qualname, path, line, compiled, count }) => ({
      name: qualname,
      place: linker.file(path, compiled ? null : line),
      count: formatCount(count),
    })),
    provenance: describeProvenance(state, linker),
  };
}

export function describeProvenance(state: RunState, linker: Linker): ProvenanceDescription[] {
  const draft = shownIteration(state)?.draft;
  return (draft?.provenance ?? []).map(({ example, title, path, place, changes }) => {
    const [, first, last] = /^lines? (\d{1,7})(?:-(\d{1,7}))?$/.exec(place) ?? [];
    const linked = linker.file(path, Number(first) || null, Number(last) || null);
    return {
      example,
      line: lineOfFunction(draft?.files["main.py"] ?? "", example),
      title,
      place: first ? linked : { text: place ? `${path}, ${place}` : path, href: linked.href },
      changes,
    };
  });
}

function describeCore(core: CoreFunction & { count?: number }, linker: Linker): CoreFunctionDescription {
  const { qualifiedName, kind, signature, doc, path, line, usedIn, count } = core;
  return {
    name: qualifiedName,
    kind,
    signature,
    doc: doc.split("\n")[0] ?? "",
    place: linker.file(path, line),
    usedIn: listShort(usedIn, 3),
    count: count === undefined ? null : formatCount(count),
  };
}

export interface SwallowedException {
  what: string;
  place: string;
  /** The line of `main.py`, where it is there. */
  line: number | null;
  count: string;
}

export function describeSwallowed(execution: Execution | null): SwallowedException[] {
  return (execution?.evidence.swallowed ?? []).slice(0, 30).map(({ file, line, type, message, count }) => {
    const name = file.replace(/^\/work\/example\//, "");
    return {
      what: message ? `${type}: ${message.slice(0, 300)}` : type,
      place: `${name}:${line}`,
      line: name === "main.py" ? line : null,
      count: formatCount(count),
    };
  });
}

function listShort(items: readonly string[], longest: number): string {
  const shown = items.slice(0, longest).join(", ");
  return items.length > longest ? `${shown} and ${items.length - longest} more` : shown;
}
