import { spawn } from "node:child_process";
import { sealInheritedFiles } from "./inherited-files.ts";
import type { LaunchedProgram, Launcher, LaunchOptions, ProgramEnding } from "./launch.ts";
import { programCommand } from "./launch.ts";
import { isWithin, type SandboxPlace } from "./place.ts";

/** Starts programs on the bare host, as our own account. Paths inside are translated to where the files really are. */
export function createUnconfinedLauncher(): Launcher {
  return {
    isolated: false,
    launch(options) {
      const { place, command } = options;
      const environment = { ...place.environment, ...command.env };
      const argv = programCommand({
        argv: command.argv.map((text) => toHostPath(place, text)),
        cwd: toHostPath(place, command.cwd),
        env: Object.fromEntries(Object.entries(environment).map(([name, value]) => [name, toHostPaths(place, value)])),
        owner: null,
        limits: place.limits,
        // The kernel would count everything else that this account runs.
        limitProcesses: false,
      });
      return follow(argv, options);
    },
  };
}

/** Translates a text that is a path inside; leaves any other as it is. */
function toHostPath(place: SandboxPlace, text: string): string {
  const roots = [
    ...place.mounts.map(({ inside, host }) => ({ inside, host })),
    { inside: "/work", host: place.workFolder },
    { inside: "/tmp", host: place.temporaryFolder },
  ];
  const root = roots.find(({ inside }) => isWithin(text, inside));
  return root === undefined ? text : root.host + text.slice(root.inside.length);
}

/** The same for lists such as PYTHONPATH. */
function toHostPaths(place: SandboxPlace, value: string): string {
  return value
    .split(":")
    .map((part) => toHostPath(place, part))
    .join(":");
}

function follow(argv: readonly string[], { place, stdout, stderr, beforeStart }: LaunchOptions): LaunchedProgram {
  const [command = "", ...rest] = argv;
  // Its own process group, so that what it starts can be ended with it.
  using files = sealInheritedFiles(["ignore", stdout, stderr]);
  const child = spawn(command, rest, {
    stdio: files.stdio,
    cwd: place.folder,
    env: {},
    detached: true,
  });
  const ended = Promise.withResolvers<ProgramEnding>();
  const pid = child.pid ?? null;
  if (pid !== null) beforeStart?.(pid);

  function killGroup(): void {
    if (pid === null) return;
    try {
      process.kill(-pid, "SIGKILL");
    } catch {
      // Nothing is left of it.
    }
  }
  child.on("error", (error) => ended.resolve({ kind: "not-started", detail: error.message }));
  child.on("exit", (code, signal) => {
    killGroup();
    ended.resolve(signal === null ? { kind: "exited", code: code ?? 0 } : { kind: "signalled", signal });
  });
  return { started: Promise.resolve(pid), ended: ended.promise, kill: killGroup };
}
