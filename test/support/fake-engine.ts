import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { hostProgram } from "./command-line.ts";

export interface FakeEngine {
  /** A PATH that holds this engine, git, and none of the machine's engines. */
  path: string;
  /** The first word of every call so far. */
  calls: () => string[];
  /** Whether a build came to its end. */
  hasBuilt: () => boolean;
}

/** A `docker` that answers, has no image, and takes so long to build one; a build never succeeds. */
export function makeFakeEngine(folder: string, { buildSeconds }: { buildSeconds: string }): FakeEngine {
  const path = makeBarePath(folder);
  const log = join(folder, "calls");
  const built = join(folder, "built");
  const script = `#!/bin/sh
echo "$1" >> ${log}
case "$1" in
  version) echo '{"Client":{"Version":"27.0.1"},"Server":{"Version":"27.0.1"}}' ;;
  build)
    echo "Step 1/2 : FROM ubuntu:24.04"
    /bin/sleep ${buildSeconds} || exit 1
    echo done > ${built}
    echo "no space for layers" >&2
    exit 1 ;;
  ps) ;;
  *) exit 1 ;;
esac
`;
  writeFileSync(join(path, "docker"), script, { mode: 0o755 });
  return {
    path,
    calls: () => (existsSync(log) ? readFileSync(log, "utf8").trim().split("\n") : []),
    hasBuilt: () => existsSync(built),
  };
}

/** A PATH with git alone. */
export function makeBarePath(folder: string): string {
  const path = join(folder, "bin");
  mkdirSync(path, { recursive: true });
  symlinkSync(hostProgram("git"), join(path, "git"));
  return path;
}
