import { cpSync } from "node:fs";
import type { CommandLine } from "./command-line.ts";
import { fixture } from "./command-line.ts";
import type { BilledRequest } from "./model-server/bill.ts";
import type { ModelServer } from "./model-server/model-server.ts";
import type { ReceivedRequest } from "./model-server/received-request.ts";
import type { Reply } from "./model-server/reply.ts";

/** A key as providers give them, which nothing else holds. */
export const plantedKey = "sk-ant-planted-0123456789abcdef";

/** Both models have prices in the product's list and in the server's. */
export const anthropicModels = ["--model", "claude-sonnet-4-5-20250929", "--fast-model", "claude-haiku-4-5-20251001"];

export function anthropicAt({ url }: ModelServer): Record<string, string> {
  return { ANTHROPIC_API_KEY: plantedKey, ANTHROPIC_BASE_URL: url };
}

/** Copies the sample into the command line's folder, so that no commit of ours is in its prompts; returns its name. */
export function copySample({ folder }: CommandLine): string {
  cpSync(fixture("orbital-elements"), `${folder}/orbital-elements`, { recursive: true });
  return "orbital-elements";
}

/** One question, in the server's list and on its bill. */
export interface Exchange {
  kind: QuestionKind;
  request: ReceivedRequest;
  /** Null where no answer began. */
  billed: BilledRequest | null;
}

/** What a server that keeps its requests was asked, in order. */
export function exchangesWith({ requests, bill }: ModelServer): Exchange[] {
  return requests.flatMap(({ received }, index) => {
    const billed = bill.find((each) => each.index === index) ?? null;
    return received ? [{ kind: kindOf(received), request: received, billed }] : [];
  });
}

export type QuestionKind = "summary" | "classification" | "writing" | "judgement";

/** What models answer, by what they are asked. The last answer of a list is given again and again. */
export interface AuthorScript {
  summary?: readonly Scripted[];
  classification?: readonly Scripted[];
  /** First the draft, then what follows in the same conversation. */
  writing?: readonly Scripted[];
  /** The first judgement is of the first example that is judged. */
  judgement?: readonly Scripted[];
}

type Scripted = Reply | ((mark: string, request: ReceivedRequest) => Reply);

/** Plays all models of a run. The same question gets the same answer, however often it is asked. */
export function createScriptedAuthor(script: AuthorScript = {}): (request: ReceivedRequest) => Reply {
  const judged: string[] = [];
  return (request) => {
    const kind = kindOf(request);
    const answers = script[kind] ?? usualAnswers[kind];
    const known = judged.indexOf(textOf(request));
    if (kind === "judgement" && known < 0) judged.push(textOf(request));
    const turn = request.messages.filter(({ role }) => role === "assistant").length;
    const place = kind !== "judgement" ? turn : known < 0 ? judged.length - 1 : known;
    const answer = answers[Math.min(place, answers.length - 1)];
    if (answer === undefined) throw new Error(`The script has no answer to a ${kind} question.`);
    return typeof answer === "function" ? answer(markIn(request), request) : answer;
  };
}

/** A program behind `command/` is told in words what it is asked for. */
export function kindOf(request: ReceivedRequest): QuestionKind {
  const { wants } = request;
  if (wants && wants.name in usualAnswers) return wants.name as QuestionKind;
  if (wants) throw new Error(`Nobody knows what a ${wants.name} is.`);
  const schema = textOf(request).split("fits this JSON Schema").at(1) ?? "";
  if (schema.includes('"highlyRelevantFiles"')) return "summary";
  if (schema.includes('"files"')) return "classification";
  return schema.includes('"is_faithful"') ? "judgement" : "writing";
}

/** Everything that a request says, in order. */
export function textOf({ system, messages }: ReceivedRequest): string {
  return [system, ...messages.map(({ text }) => text)].join("\n");
}

/** The mark that tags carry in this run. */
export function markIn(request: ReceivedRequest): string {
  const mark = /<data-([0-9a-f]{6})>/.exec(textOf(request))?.[1];
  if (mark === undefined) throw new Error("No tag of the prompt has a mark.");
  return mark;
}

/** What the example is made of, in the answer's blocks. */
export function writes(files: Readonly<Record<string, string>>): (mark: string) => Reply {
  return (mark) => ({ text: `A small example.\n\n${blocksOf(mark, files)}\n${metadataOf(mark)}\n` });
}

/** Changes of `main.py`, with what was wrong. */
export function edits(find: string, replace: string): (mark: string) => Reply {
  return (mark) => ({
    text: [
      tag(mark, "issues", "- the wrong name was asked for"),
      tag(mark, "changes", "- asks for the right one"),
      tag(mark, "edit", `${tag(mark, "find", find)}\n${tag(mark, "replace", replace)}`, ' path="main.py"'),
    ].join("\n"),
  });
}

/** Nothing to object to, unless an objection is given. */
export function judges({ objection = null, statement }: { objection?: string | null; statement?: string } = {}): Reply {
  return {
    value: {
      correct_behavior: objection === null,
      critical_issues: objection === null ? [] : [objection],
      issues: [],
      is_faithful: true,
      is_accurate: objection === null,
      is_complete: true,
      faithfulness_accurate_completeness_statement: statement ?? objection ?? "It uses the repository as it is meant.",
      is_finished: true,
    },
  };
}

/** Two core functions of the sample and what they compute; with a line of one's own in the second example. */
export function orbitProgram(line = ""): string {
  return `"""Two-body orbits: a Molniya orbit two hours later, and Kepler's equation by itself."""
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "source" / "src"))

from orbelem import OrbitalElements, ground_track, solve_kepler


def example1():
    """Describes a Molniya orbit and moves along it."""
    orbit = OrbitalElements.from_degrees(26600.0, 0.74, 63.4, 40.0, 270.0, 0.0)
    position, velocity = orbit.propagate(7200.0).state()
    print("period:", round(orbit.period), "s")
    return {"period_s": orbit.period, "position_km": list(position), "velocity_km_s": list(velocity)}


def example2():
    """Solves Kepler's equation and follows the orbit over the ground."""
    found = {"anomaly": solve_kepler(0.8, 0.74)}
    orbit = OrbitalElements.from_degrees(7000.0, 0.0, 51.6, 0.0, 0.0, 0.0)
    north = max(point.latitude for point in ground_track(orbit, duration=6000.0, step=300.0))
${line && `    ${line}\n`}    return {"anomaly": found["anomaly"], "northernmost_degrees": north}
`;
}

/** A repository in which no rule finds anything to run; its program is the writer's alone. */
export const quietRepository = {
  "README.md": "# shapes\n\nAreas and outlines of plane shapes, for surveyors.\n",
  "shapes.py": `"""Plane shapes."""


def area(corners):
    """Area of a polygon, by the shoelace formula."""
    pairs = zip(corners, corners[1:] + corners[:1])
    return abs(sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in pairs)) / 2


def perimeter(corners):
    """Length of a polygon's outline."""
    pairs = zip(corners, corners[1:] + corners[:1])
    return sum(((x1 - x2) ** 2 + (y1 - y2) ** 2) ** 0.5 for (x1, y1), (x2, y2) in pairs)
`,
};

/** Measures a square; with a line of one's own, which may change `found`. */
export function shapesProgram(line = ""): string {
  return `"""Area and outline of a square."""
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "source"))

from shapes import area, perimeter


def example1():
    """Measures a square of two metres."""
    corners = [(0, 0), (2, 0), (2, 2), (0, 2)]
    found = {"area": area(corners), "perimeter": perimeter(corners)}
${line && `    ${line}\n`}    print(found)
    return found
`;
}

/** A first draft that fails when it runs, and the edit that cures it. */
export const failingLine = 'print(found["eccentric"])';
export const curingEdit = edits(`    ${failingLine}`, '    print(found["anomaly"])');

/** The text of an answer that is one. */
export function textIn(reply: Reply): string {
  if (typeof reply === "object" && "text" in reply) return reply.text;
  throw new Error("This reply is no text.");
}

export function blocksOf(mark: string, files: Readonly<Record<string, string>>): string {
  return Object.entries(files)
    .map(([path, text]) => tag(mark, "file", text.trimEnd(), ` path="${path}"`))
    .join("\n");
}

function tag(mark: string, name: string, text: string, attributes = ""): string {
  return `<${name}-${mark}${attributes}>\n${text}\n</${name}-${mark}>`;
}

function metadataOf(mark: string): string {
  const metadata = { description: "Two-body orbits.", example_description: "A Molniya orbit, two hours later." };
  return tag(mark, "metadata", JSON.stringify(metadata));
}

const usualAnswers: Required<AuthorScript> = {
  summary: [{ value: { description: "Computes two-body orbits.", highlyRelevantFiles: ["src/orbelem/elements.py"] } }],
  classification: [(_mark, request) => ({ value: { files: classify(textOf(request)) } })],
  writing: [writes({ "main.py": orbitProgram() })],
  judgement: [judges()],
};

/** One entry for each file that is asked about. */
function classify(prompt: string): unknown[] {
  return [...prompt.matchAll(/^File (\d+): /gm)].map(([, number]) => ({
    number: Number(number),
    classification: "code_general",
    description: "Said by the fast model.",
    important_information: "",
    computational_requirements: "",
    how_relevant_rating: 3,
    stand_alone_example: false,
  }));
}
