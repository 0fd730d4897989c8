import { closeSync, openSync, readdirSync, readFileSync } from "node:fs";

const closeOnExec = 0o2000000;

/**
 * Starting a program hands on every file that whoever started us left open for us without meaning to; Node marks
 * only what it opens itself and the lowest numbers. This fills those places with /dev/null for one `spawn`.
 */
export function sealInheritedFiles(
  stdio: ReadonlyArray<"ignore" | "pipe" | number>,
): Disposable & { stdio: Array<"ignore" | "pipe" | number> } {
  const nothing = openSync("/dev/null", "r");
  const sealed = [...stdio];
  for (const file of inheritableFiles()) {
    if (file < stdio.length) continue;
    while (sealed.length < file) sealed.push("ignore");
    sealed[file] = nothing;
  }
  return { stdio: sealed, [Symbol.dispose]: () => closeSync(nothing) };
}

function inheritableFiles(): number[] {
  return readdirSync("/proc/self/fdinfo")
    .map(Number)
    .filter((file) => {
      try {
        const flags = /^flags:\s*([0-7]+)/m.exec(readFileSync(`/proc/self/fdinfo/${file}`, "latin1"))?.[1];
        return flags !== undefined && (Number.parseInt(flags, 8) & closeOnExec) === 0;
      } catch {
        // The folder was listed through a file of its own that is closed by now.
        return false;
      }
    })
    .sort((a, b) => a - b);
}
