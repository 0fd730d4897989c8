import { z } from "zod";

/** One dependency as PEP 508 names it; URLs, paths and options are refused, so that nothing here can point a package manager elsewhere. */
export const Requirement = z.object({
  /** As written; compare with `normalizeName`. */
  name: z.string(),
  extras: z.string(),
  /** For example `>=1.20,<2`; empty for any version. */
  specifier: z.string(),
  marker: z.string(),
});
export type Requirement = z.infer<typeof Requirement>;

/** Name, extras, versions (with or without parentheses) and marker; each part is checked by itself, in linear time. */
const pattern =
  /^([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)\s*(\[[A-Za-z0-9._,\s-]*\])?\s*(?:\(([^();]*)\)\s*|([^()[\];]*))(;[^\n]*)?$/;

export function parseRequirement(line: string): Requirement | null {
  if (line.length > 2000) return null;
  const text = line.replace(/(^|\s)#.*$/, "").trim();
  if (text.length > 300) return null;
  const match = pattern.exec(text);
  if (!match?.[1]) return null;
  const clauses = (match[3] ?? match[4] ?? "").trim().replace(/,$/, "").split(",");
  const specifier = clauses.map((clause) => clause.replace(/\s+/g, "")).join(",");
  if (specifier && !clauses.every((clause) => /^[<>=!~]=?=?\s*[\w.*+!-]+$/.test(clause.trim()))) return null;
  const marker = (match[5] ?? "").slice(1).trim();
  if (marker && !/^[\w\s.'"<>=!~()]+$/.test(marker)) return null;
  return { name: match[1], extras: (match[2] ?? "").replace(/\s+/g, ""), specifier, marker };
}

export function formatRequirement({ name, extras, specifier, marker }: Requirement): string {
  return `${name}${extras}${specifier}${marker ? ` ; ${marker}` : ""}`;
}

/** PEP 503: one spelling for a distribution's name. */
export function normalizeName(name: string): string {
  return name.toLowerCase().replace(/[-_.]+/g, "-");
}
