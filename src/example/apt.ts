/** The file of an example that names packages of the system. Source of the format: repo2docker's `apt.txt`. */
export const aptFile = "apt.txt";

/** More than any example needs; bounds what a root account installs at somebody's word. */
const maxPackages = 50;
/** Debian's policy for names, 5.6.1; but to apt a minus at the end means to remove a package. */
const packageName = /^[a-z0-9][a-z0-9.+-]*[a-z0-9.+]$/;
const maxNameCharacters = 100;

/** The packages that an `apt.txt` names, sorted, each once; or why nothing of it can be used. */
export type SystemPackages = { kind: "packages"; packages: string[] } | { kind: "refused"; problem: string };

/** Reads a Debian package a line; `#` begins a comment. Options, versions and paths are refused: no line can point apt elsewhere. */
export function parseAptFile(text: string): SystemPackages {
  const packages = new Set<string>();
  for (const [index, line] of text.split("\n").entries()) {
    const name = line.replace(/#.*/s, "").trim();
    if (name === "") continue;
    if (!packageName.test(name) || name.length > maxNameCharacters)
      return {
        kind: "refused",
        problem: `${aptFile}, line ${index + 1}: ${JSON.stringify(name.slice(0, 60))} is no name of a Debian package; one name a line, without version or options.`,
      };
    packages.add(name);
  }
  if (packages.size > maxPackages)
    return { kind: "refused", problem: `${aptFile} names ${packages.size} packages; ${maxPackages} is the most.` };
  return { kind: "packages", packages: [...packages].sort() };
}

/** `apt.txt` for these packages, sorted, each once. */
export function formatAptFile(packages: readonly string[]): string {
  return [...new Set(packages)]
    .sort()
    .map((name) => `${name}\n`)
    .join("");
}

/** The files of an example with the `apt.txt` for these packages; without one where there are none. */
export function withAptFile(
  files: Readonly<Record<string, string>>,
  packages: readonly string[],
): Record<string, string> {
  const { [aptFile]: _before, ...others } = files;
  return packages.length > 0 ? { ...others, [aptFile]: formatAptFile(packages) } : others;
}

/** The packages of an example's files; none where its `apt.txt` is absent or refused. */
export function systemPackagesOf(files: Readonly<Record<string, string>>): string[] {
  const read = parseAptFile(files[aptFile] ?? "");
  return read.kind === "packages" ? read.packages : [];
}
