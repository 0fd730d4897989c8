import { homedir } from "node:os";
import { createProgram } from "./cli/program.ts";

/** The command-line root: the only place of this door that reads the environment and sets the exit status. */
export async function main(): Promise<void> {
  const interruption = new AbortController();
  let interrupts = 0;
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => {
      interrupts++;
      if (interrupts === 1) {
        process.stderr.write("\nCancelling: ending what runs and saving the state. Press again to leave at once.\n");
        interruption.abort(new Error(signal));
      } else process.exit(130);
    });
  }
  // Whoever reads our output may go away before we are done.
  process.stdout.on("error", () => process.exit(0));
  process.exitCode = await createProgram({
    arguments: process.argv.slice(2),
    environment: process.env,
    homeFolder: homedir(),
    workingFolder: process.cwd(),
    stdout: process.stdout,
    stderr: process.stderr,
    signal: interruption.signal,
  });
  // What a service never answered may still be waited for by its client; all that matters is done.
  setTimeout(() => process.exit(), graceMs).unref();
}

/** How long what is still open keeps the process, in milliseconds. */
const graceMs = 1_000;
