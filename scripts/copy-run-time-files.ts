import { cpSync } from "node:fs";
import { join } from "node:path";

/** Folders below src/ with files that are read at run time. */
const folders = ["templates", "sandboxes/observer", "sandboxes/agent"];

/** Puts templates, style sheets, observer and agent where compiled or bundled modules look for them. */
export function copyRunTimeFiles({ root, target }: { root: string; target: string }): void {
  for (const folder of folders)
    cpSync(join(root, "src", folder), join(target, folder), {
      recursive: true,
      filter: (path) => !/\.ts$|__pycache__/.test(path),
    });
}
