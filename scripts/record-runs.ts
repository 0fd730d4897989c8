/**
 * Makes the recordings that test/scenarios/recorded-runs.test.ts replays, from the written answers in
 * test/fixtures/answers; to be run when a prompt has changed: npm run record [-- <part of a name>]
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { CommandLine } from "../test/support/command-line.ts";
import { answersOf, fetchSource, recordedRuns, recordingOf } from "../test/support/recorded-runs.ts";

const note =
  "The answers were written by an expert, in the place of a model, to the prompts of a real run (test/fixtures/answers), " +
  "and recorded through command/ by npm run record. They hold no text of the repository that they are about.";

const answerer = fileURLToPath(new URL("answer-from-files.ts", import.meta.url));

for (const run of recordedRuns) {
  if (!run.name.includes(process.argv[2] ?? "")) continue;
  using commandLine = new CommandLine();
  const file = commandLine.path("recording.jsonl");
  const model = `command/${process.execPath} ${answerer} ${answersOf(run)}`;
  const argv = ["distill", fetchSource(commandLine, run), "--model", model, "--record", file, "--out", "out"];
  const { status, stdout, stderr } = await commandLine.run(argv, { withPackages: true, timeoutSeconds: 1200 });
  if (status !== 0) {
    console.error(`${run.name}: exit status ${status}\n${stdout}\n${stderr}`);
    process.exitCode = 1;
    continue;
  }
  const lines = readFileSync(file, "utf8").replaceAll(model, "an expert");
  mkdirSync(dirname(recordingOf(run)), { recursive: true });
  rmSync(recordingOf(run), { force: true });
  writeFileSync(recordingOf(run), `${JSON.stringify({ note })}\n${lines}`);
  console.log(`${run.name}: ${lines.trim().split("\n").length} calls, verified`);
}
