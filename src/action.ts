import { homedir } from "node:os";
import { inertLine } from "./action/inert-line.ts";
import { closeOpenComment, isPostStep, markBegun } from "./action/post-step.ts";
import { runAction } from "./action/run-action.ts";

/** The Action's root: the only place of this door that reads the environment and sets the exit status. */
async function main(): Promise<void> {
  if (isPostStep()) {
    // A job that did its work does not fail for a comment.
    const told = await closeOpenComment(process.env).catch((error: unknown) => `The comment stays as it is: ${error}`);
    process.stdout.write(`${inertLine(told, "")}\n`);
    return;
  }
  markBegun();
  const interruption = new AbortController();
  // A cancelled job: SIGINT, 7.5 s later SIGTERM, 2.5 s later the end.
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => interruption.abort(new Error(signal)));
  process.exitCode = await runAction({
    environment: process.env,
    homeFolder: homedir(),
    workingFolder: process.cwd(),
    signal: interruption.signal,
  });
  // What a service never answered may still be waited for by its client; all that matters is done.
  setTimeout(() => process.exit(), graceMs).unref();
}

/** How long what is still open keeps the process, in milliseconds. */
const graceMs = 1_000;

await main();
