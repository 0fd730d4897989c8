import type { PythonSource } from "../../repository/python-source.ts";
import type { Survey } from "../../repository/survey.ts";
import type { Candidate } from "./candidate.ts";

/** The folder that the relative paths in the code refer to: the one where most of them exist. */
export function findWorkingFolder(survey: Survey, path: string, sources: readonly PythonSource[]): string | null {
  const files = new Set(survey.files.map((file) => file.path));
  const folders = new Set(survey.files.map((file) => file.path.split("/").slice(0, -1).join("/")));
  const literals = sources
    .flatMap(({ strings }) => strings.map(({ value }) => value))
    .filter((value) => /[./]/.test(value) && value.length < 200 && !value.includes("\n"));
  let best: { folder: string; hits: number } | null = null;
  const parents = path.split("/").slice(0, -1);
  const bases = ["", ...parents.map((_, index) => parents.slice(0, index + 1).join("/"))].reverse();
  for (const folder of bases) {
    const hits = literals.filter((literal) => {
      const resolved = resolvePath(folder, literal);
      return resolved !== null && resolved !== "" && (files.has(resolved) || folders.has(resolved));
    }).length;
    if (hits > (best?.hits ?? 0)) best = { folder, hits };
  }
  return best?.folder ?? null;
}

/** Names of data files in the code that do not lie where it looks for them. */
export function findMissingFiles(survey: Survey, { blocks, workingFolder, script }: Candidate): string[] {
  if (script) return [];
  const files = new Set(survey.files.map(({ path }) => path));
  const names = new Set(survey.files.map(({ path }) => path.split("/").at(-1) ?? path));
  const literals = blocks.flatMap(({ code }) =>
    [...code.matchAll(/["']([\w./-]{3,100})["']/g)].map((match) => match[1] ?? ""),
  );
  return [...new Set(literals)].filter((literal) => {
    const isFile = names.has(literal.split("/").at(-1) ?? literal) || /\/.*\.\w{1,5}$/.test(literal);
    return isFile && !files.has(resolvePath(workingFolder ?? "", literal) ?? literal);
  });
}

/** Joins a folder and a relative path; null where it leaves the repository. */
export function resolvePath(folder: string, relative: string): string | null {
  if (relative.startsWith("/") || relative.startsWith("~")) return null;
  const parts = folder ? folder.split("/") : [];
  for (const part of relative.split("/")) {
    if (part === "" || part === ".") continue;
    if (part !== "..") parts.push(part);
    else if (parts.pop() === undefined) return null;
  }
  return parts.join("/");
}
