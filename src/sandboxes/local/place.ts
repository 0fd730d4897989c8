import type { SandboxLimits } from "../sandbox.ts";
import type { Owner } from "./beneath.ts";

/** A host folder or file that is shown inside, always read-only. */
export interface Mount {
  host: string;
  inside: string;
}

/** What stands behind one sandbox on the host. */
export interface SandboxPlace {
  /** Everything of this sandbox lies below this host folder. */
  folder: string;
  /** Shown as /work and /tmp; all that a program can write to. */
  workFolder: string;
  temporaryFolder: string;
  network: "full" | "none";
  limits: SandboxLimits;
  /** The account that programs run as, where it is another than ours. */
  owner: Owner;
  /** In the order in which they are put in place. */
  mounts: Mount[];
  /** Variables every program gets beside those of its own command. */
  environment: Readonly<Record<string, string>>;
}

/** Whether an absolute path is a folder or lies below it. */
export function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(`${folder}/`);
}

/** The host folder that holds an absolute path inside, and the rest of the path below it; null where nothing of ours does. */
export function locate(
  place: SandboxPlace,
  path: string,
): { root: string; relative: string; writable: boolean } | null {
  const roots = [
    { inside: "/work", host: place.workFolder, writable: true },
    { inside: "/tmp", host: place.temporaryFolder, writable: true },
    ...place.mounts.map((mount) => ({ ...mount, writable: false })),
  ];
  const nearest = roots
    .filter(({ inside }) => isWithin(path, inside))
    .sort((a, b) => b.inside.length - a.inside.length)[0];
  if (nearest === undefined) return null;
  return { root: nearest.host, relative: path.slice(nearest.inside.length + 1), writable: nearest.writable };
}
