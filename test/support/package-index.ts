import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { CommandLine, canRun, skipAloud } from "./command-line.ts";

/**
 * Whether packages can be had in the way that a sandbox gets them: by the pip of a new environment, because the machine's
 * own Python need not have one.
 */
export function reachesPackages(): boolean {
  if (!canRun("pip", "python3", ["-c", "import venv, ensurepip"])) return false;
  using commandLine = new CommandLine();
  try {
    download(commandLine, commandLine.path("wheels"), ["six"]);
    return true;
  } catch {
    skipAloud("package index within reach");
    return false;
  }
}

/** Downloads the source distribution of a release, as its authors published it; returns the archive's path. */
export function downloadSourceDistribution(commandLine: CommandLine, release: string): string {
  const folder = commandLine.path("sources", release);
  download(commandLine, folder, ["--no-binary", ":all:", release]);
  const [archive] = readdirSync(folder);
  if (!archive) throw new Error(`pip left nothing of ${release}.`);
  return join(folder, archive);
}

function download(commandLine: CommandLine, folder: string, what: readonly string[]): void {
  const environment = commandLine.path("pip");
  const env = commandLine.environment({ withPackages: true });
  const run = (program: string, argv: readonly string[]): void =>
    void execFileSync(program, argv, { env, stdio: ["ignore", "ignore", "pipe"] });
  mkdirSync(folder, { recursive: true });
  run("python3", ["-m", "venv", environment]);
  run(join(environment, "bin", "python"), ["-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, ...what]);
}
