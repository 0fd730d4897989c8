import { normalizeName, parseRequirement, type Requirement } from "../repository/requirement.ts";

/** Versions of what an environment holds, by normalised name. */
export type InstalledVersions = ReadonlyMap<string, string>;

/**
 * Reads `name==version` lines. A local label (`2.1+cpu`) is cut off: only the index it came from has it, and PEP 440
 * takes `==2.1` for either.
 */
export function readInstalledVersions(packages: readonly string[]): InstalledVersions {
  return new Map(
    packages.flatMap((line) => {
      const [name, version] = line.split("==");
      const released = version?.replace(/\+.*$/, "");
      return name && released ? [[normalizeName(name), released] as const] : [];
    }),
  );
}

/** The requirement in the version that was installed; null where none was. */
export function pinRequirement(requirement: Requirement, versions: InstalledVersions): string | null {
  const version = versions.get(normalizeName(requirement.name));
  const { name, extras, marker } = requirement;
  return version === undefined ? null : `${name}${extras}==${version}${marker ? ` ; ${marker}` : ""}`;
}

/** Replaces each requirement by the version that was installed, and leaves repeated ones out; what came with them follows. */
export function pinRequirements(text: string, packages: readonly string[]): string {
  const versions = readInstalledVersions(packages);
  const seen = new Set<string>();
  const lines = text.split("\n").flatMap((line) => {
    const requirement = line.trim().startsWith("#") ? null : parseRequirement(line);
    if (!requirement) return [line];
    const pinned = pinRequirement(requirement, versions) ?? line;
    const key = pinned.replace(requirement.name, normalizeName(requirement.name)).replace(/\s+/g, "");
    if (seen.has(key)) return [];
    seen.add(key);
    return [pinned];
  });
  return lines.join("\n");
}
