import { stripVTControlCharacters } from "node:util";
import { cutLine, linkAddress, plainLine } from "../jobs/cut-line.ts";
import { redactSecrets } from "../log.ts";
import type { Reproduction } from "../pipeline/outcome.ts";
import { render } from "../templates/render.ts";
import { proseWithCode } from "../templates/reports/prose-with-code.ts";
import { linkChanges, linkCommit } from "./link-commit.ts";

/** A published example that does no longer what it did. Its texts may hold words from outside. */
export interface BrokenExample {
  slug: string;
  /** `owner/name`, or the address of what the example is of. */
  repository: string;
  /** What it was run at, and what it was made at; null where that has no commit. */
  commit: string | null;
  madeAt: string | null;
  /** As docs/outcomes.md lists it under "Verifying again". */
  reasonCode: string;
  evidence: string;
  differences: Reproduction["differences"];
  /** The last that the failed program printed. */
  tail: string;
  notes: readonly string[];
  runUrl: string | null;
  /** Null where nobody was asked to repair it; else why that brought no example. */
  repair: { explanation: string } | null;
}

const mostDifferences = 20;
const mostNotes = 10;
/** Characters. */
const longestTail = 4000;

/** The issue about one broken example: its title, and its body as Markdown. */
export function renderBrokenExample(example: BrokenExample): { title: string; body: string } {
  const { slug, commit, madeAt, differences, notes, runUrl, repair } = example;
  const words = brokenWords.get(example.reasonCode) ?? "it could not be shown to work";
  const folder = `examples/${cutLine(slug, 80)}`;
  const body = render("comments/broken-example.md", {
    folder,
    // A folder may have any name, and these lines are copied into a shell.
    canRun: /^[\w./-]+$/.test(folder),
    words,
    evidence: proseWithCode(clean(example.evidence, 1000)),
    repository: cutLine(example.repository, 120),
    commit: linkCommit(commit, example),
    madeAt: linkCommit(madeAt, example),
    isSame: commit !== null && commit === madeAt,
    changesUrl: linkChanges(madeAt, commit, example),
    differences: differences.slice(0, mostDifferences).map(({ key, first, second }) => ({
      key: clean(key, 120),
      first: clean(first, 120),
      second: clean(second, 120),
    })),
    moreDifferences: Math.max(0, differences.length - mostDifferences),
    tail: cutTail(example.tail),
    notes: notes.slice(0, mostNotes).map((note) => clean(note, 300)),
    repair: repair && { explanation: proseWithCode(clean(repair.explanation, 600)) },
    runUrl: linkAddress(runUrl),
  });
  return { title: plainLine(`${folder} is broken: ${words}`, 200), body: `${body.trim()}\n` };
}

/** The comment with which the issue is closed, as Markdown. */
export function renderRepairedExample(
  example: Pick<BrokenExample, "slug" | "repository" | "commit" | "runUrl">,
): string {
  const body = render("comments/broken-example-repaired.md", {
    folder: `examples/${cutLine(example.slug, 80)}`,
    commit: linkCommit(example.commit, example),
    runUrl: linkAddress(example.runUrl),
  });
  return `${body.trim()}\n`;
}

/** After "broken:"; plain text, since titles take no Markdown. */
const brokenWords: ReadonlyMap<string, string> = new Map([
  ["environment-not-buildable", "its environment cannot be built any more"],
  ["program-failed", "main.py fails"],
  ["results-differ", "it comes to other values"],
  ["not-grounded", "it does not call the repository's code any more"],
]);

/** One line. An issue may be public where the workflow's log is not. */
function clean(text: string, longest: number): string {
  return cutLine(redactSecrets(text.slice(0, 20_000)), longest);
}

/** The end of what a program printed, from the beginning of a line. */
function cutTail(text: string): string | null {
  const plain = redactSecrets(stripVTControlCharacters(text.slice(-4 * longestTail))).trim();
  if (plain.length <= longestTail) return plain || null;
  const end = plain.slice(-longestTail);
  const line = end.indexOf("\n");
  return `…\n${(line < 0 ? end : end.slice(line + 1)).toWellFormed()}`;
}
