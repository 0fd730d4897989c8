import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export interface FakeEngines {
  /** An environment whose PATH holds these engines before the system's own folders are asked. */
  environment: Record<string, string>;
  /** Every call so far, as it was given. */
  calls: () => string[];
}

/** Engines that are shell scripts; each is given what it does for a call, `$*`. */
export function makeFakeEngines(folder: string, scripts: { docker?: string; podman?: string }): FakeEngines {
  mkdirSync(folder, { recursive: true });
  const log = join(folder, "calls");
  for (const [name, script] of Object.entries(scripts)) {
    const text = `#!/bin/sh\necho "${name} $*" | /usr/bin/tr '\\n' ' ' >> ${log}\necho >> ${log}\n${script}\n`;
    writeFileSync(join(folder, name), text, { mode: 0o755 });
  }
  return {
    environment: { PATH: folder, HOME: folder },
    calls: () => (existsSync(log) ? readFileSync(log, "utf8").trim().split("\n") : []),
  };
}

export const dockerVersion = `echo '{"Client":{"Version":"27.0.1"},"Server":{"Version":"27.1.0"}}'`;
export const podmanVersion = `echo '{"Client":{"Version":"4.3.1"},"Server":null}'`;
