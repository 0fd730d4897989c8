import { accessSync, constants } from "node:fs";
import { join } from "node:path";
import type { Host } from "./host.ts";

/** Where on the PATH a program is; null where it is not there. */
export function findExecutable(name: string, { environment }: Pick<Host, "environment">): string | null {
  for (const folder of (environment.PATH ?? "/usr/bin:/bin").split(":").filter((each) => each.startsWith("/"))) {
    try {
      accessSync(join(folder, name), constants.X_OK);
      return join(folder, name);
    } catch {
      // Not in this one.
    }
  }
  return null;
}
