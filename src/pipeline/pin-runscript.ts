import { normalizeName, parseRequirement } from "../repository/requirement.ts";
import { type InstalledVersions, pinRequirement, readInstalledVersions } from "./pin-requirements.ts";

/**
 * `runscript.sh` as it is published: `pip install` commands name the versions that were installed, of alternatives
 * (`a || b`) only the one that succeeded stays, one that failed and was passed over goes, and one repeated at once goes
 * too. Everything that is not such a command in plain words is left as it is: a shell script is not ours to rewrite.
 */
export function pinRunscript(text: string, packages: readonly string[]): string {
  const versions = readInstalledVersions(packages);
  const kept: string[] = [];
  let depth = 0;
  let previous: string | null = null;
  let document: string | null = null;
  for (const { raw, joined } of logicalLines(text)) {
    if (document !== null) {
      if (raw.trim() === document) document = null;
      kept.push(raw);
      continue;
    }
    document = /<<-?\s*["']?(\w+)["']?/.exec(joined)?.[1] ?? null;
    depth += opens(joined) - closes(joined);
    const settled = settleLine(joined, versions);
    if (settled === null) {
      kept.push(raw);
      if (joined.trim() !== "" && !joined.trim().startsWith("#")) previous = null;
      continue;
    }
    // Inside an `if` or a loop it may be the only command, and need not have run.
    const superfluous = depth === 0 && (settled === "" || settled === previous);
    if (!superfluous) kept.push(settled === "" ? raw : `${/^\s*/.exec(raw)?.[0] ?? ""}${settled}`);
    if (settled !== "") previous = settled;
  }
  return kept.join("\n");
}

/** Lines, with those that end in a backslash joined to the next. */
function logicalLines(text: string): Array<{ raw: string; joined: string }> {
  return [...text.matchAll(/(?:[^\n]*\\\n)*[^\n]*(?:\n|$)/g)]
    .map(([raw]) => raw.replace(/\n$/, ""))
    .map((raw) => ({ raw, joined: raw.replace(/\s*\\\n\s*/g, " ") }))
    .slice(0, -1)
    .concat(text.endsWith("\n") ? [{ raw: "", joined: "" }] : []);
}

function opens(line: string): number {
  return Number(/^\s*(?:if|for|while|until|case|select)\b|[{(]\s*$/.test(line));
}

function closes(line: string): number {
  return Number(/(?:^|;)\s*(?:fi|done|esac)\b[^;]*$|^\s*[})]/.test(line));
}

/** The command that in fact did something; empty where none did; null where the line is no `pip install` in plain words. */
function settleLine(line: string, versions: InstalledVersions): string | null {
  const words = splitWords(line);
  if (!words) return null;
  const alternatives = splitAt(words, "||").map(readInstall);
  const [first] = alternatives;
  if (first?.kind !== "install" || alternatives.some(({ kind }) => kind === "other")) return null;
  if (alternatives.length === 1) return writeInstall(first, versions);
  const installs = alternatives.filter((each) => each.kind === "install");
  // Without names nobody can tell whether it succeeded.
  if (installs.some(({ names }) => names.size === 0)) return null;
  const succeeded = installs.find(({ names }) => [...names.values()].every((name) => versions.has(name)));
  return succeeded ? writeInstall(succeeded, versions) : "";
}

interface Install {
  kind: "install";
  words: readonly Word[];
  /** Normalised names of plain requirements, by the place of their word. */
  names: ReadonlyMap<number, string>;
}

interface Word {
  /** As written, with its quotes. */
  raw: string;
  text: string;
}

/** Options of pip that take the next word. */
const withValue =
  /^(-[rceiftC]|--(requirement|constraint|editable|index-url|extra-index-url|find-links|target|prefix|root|progress-bar|timeout|retries|only-binary|no-binary|platform|python-version|cache-dir|config-settings?|upgrade-strategy|src|log|trusted-host))$/;

function readInstall(words: readonly Word[]): Install | { kind: "nothing" } | { kind: "other" } {
  const [program = ""] = words.map(({ text }) => text);
  if (/^(true|:|echo)$/.test(program)) return { kind: "nothing" };
  const at = words.findIndex(({ text }) => text === "install");
  const before = words.slice(0, Math.max(0, at)).map(({ text }) => text);
  const isPip =
    /(^|\/)pip[\d.]*$/.test(before[0] ?? "") ||
    (/(^|\/)python[\d.]*$/.test(before[0] ?? "") && before[1] === "-m" && before[2] === "pip");
  if (!isPip) return { kind: "other" };
  const names = new Map<number, string>();
  for (let place = at + 1; place < words.length; place++) {
    const text = words[place]?.text ?? "";
    if (withValue.test(text)) place++;
    else if (!text.startsWith("-")) {
      const requirement = parseRequirement(text);
      if (requirement) names.set(place, normalizeName(requirement.name));
    }
  }
  return { kind: "install", words, names };
}

function writeInstall({ words, names }: Install, versions: InstalledVersions): string {
  const seen = new Set<string>();
  const written = words.flatMap(({ raw, text }, place) => {
    const requirement = names.has(place) ? parseRequirement(text) : null;
    const pinned = requirement && pinRequirement(requirement, versions);
    if (!pinned) return [raw];
    if (seen.has(pinned)) return [];
    seen.add(pinned);
    return [/^[\w.=+!-]+$/.test(pinned) ? pinned : `'${pinned.replaceAll("'", '"')}'`];
  });
  return written.join(" ");
}

/** The words of a simple command, `||` among them; null where a shell would do more with it than read words. */
function splitWords(line: string): Word[] | null {
  const words: Word[] = [];
  const rest = line.trim();
  const word = /\s*(?:(\|\|)(?=\s)|((?:'[^']*'|"[^"$`\\]*"|[\w.,/:=@%+~[\]-])+)(?=\s|$))/y;
  while (word.lastIndex < rest.length) {
    const [, operator, plain] = word.exec(rest) ?? [];
    const raw = operator ?? plain;
    if (raw === undefined) return null;
    words.push({ raw, text: raw.replace(/["']/g, "") });
  }
  return words.length > 0 ? words : null;
}

function splitAt(words: readonly Word[], operator: string): Word[][] {
  const parts: Word[][] = [[]];
  for (const each of words) {
    if (each.raw === operator) parts.push([]);
    else parts.at(-1)?.push(each);
  }
  return parts;
}
