/** Compiles src/ to lib/, which the npm package holds, and puts what is read at run time beside it. */
import { execFileSync } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { copyRunTimeFiles } from "./copy-run-time-files.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const target = join(root, "lib");
rmSync(target, { recursive: true, force: true });
execFileSync(
  process.execPath,
  [join(root, "node_modules/typescript/bin/tsc"), "-p", join(root, "tsconfig.build.json")],
  { stdio: "inherit" },
);
copyRunTimeFiles({ root, target });
