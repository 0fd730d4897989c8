/** Compiles src/ to dist/ and puts what is read at run time (templates, style sheets, observer, agent) beside it. */
import { execFileSync } from "node:child_process";
import { cpSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
rmSync(join(root, "dist"), { recursive: true, force: true });
execFileSync(
  process.execPath,
  [join(root, "node_modules/typescript/bin/tsc"), "-p", join(root, "tsconfig.build.json")],
  { stdio: "inherit" },
);
for (const folder of ["templates", "sandboxes/observer", "sandboxes/agent"]) {
  cpSync(join(root, "src", folder), join(root, "dist", folder), {
    recursive: true,
    filter: (path) => !/\.ts$|__pycache__/.test(path),
  });
}
