import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { sandboxKinds } from "../config.ts";
import { CancelledError, DistillerError } from "../errors.ts";
import { productVersion } from "../jobs/job.ts";
import { runDistill } from "./distill-command.ts";
import type { DistillFlags } from "./distill-request.ts";
import { runDoctor } from "./doctor-command.ts";
import { exitStatus } from "./exit-status.ts";
import { type ReapFlags, runReap, usualDays } from "./reap-command.ts";
import { runReport } from "./report-command.ts";
import { runServe, type ServeFlags } from "./serve-command.ts";
import type { Terminal } from "./terminal.ts";
import { runVerify, type VerifyFlags } from "./verify-command.ts";

const exitCodes = `
Exit status:
  0    verified: the example ran, called the repository's core functions, and gave the same values again
  1    error: something of ours, of the network or of the machine failed
  2    usage: an argument or a configuration that cannot be used
  3    finished, but not verified
  4    skipped: nothing could be tried here
  130  cancelled; continue with --resume <run folder>
`;

/** Reads the arguments, runs the command, and returns the exit status. */
export async function createProgram(terminal: Terminal): Promise<number> {
  let status: number = exitStatus.verified;
  const program = new Command("codedistiller")
    .description(
      "Turns a scientific repository into a small example of its core functionality that was run, traced and reproduced.",
    )
    .version(productVersion)
    .addHelpText("after", exitCodes)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.stdout.write(text),
      writeErr: (text) => terminal.stderr.write(text),
      outputError: (text, write) => write(`codedistiller: ${describeUsageError(text)}\n`),
    });

  program
    .command("distill")
    .description("distil one repository")
    .argument(
      "[repository]",
      "https or ssh git URL, owner/name, a folder, or an archive (.zip, .tar.gz; file or https URL)",
    )
    .argument("[config]", "configuration file (JSON)")
    .option("--ref <ref>", "branch, tag or commit")
    .option("--subdirectory <folder>", "part of the repository to distil")
    .option("--focus <text>", "what the example should show")
    .option("--out <folder>", "folder below which the run gets its own (default: output/)")
    .option(
      "--model <model>",
      "model that writes the example: claude-..., gpt-..., openrouter/..., ollama/..., command/<program>, replay/<file>, or builtin/extract, which needs no key (default: by the key that is set)",
    )
    .option("--fast-model <model>", "model that reads and classifies files")
    .option("--judge-model <model>", "model that judges the finished example")
    .option("--record <file>", "write down what models answer, to be replayed by --model replay/<file>")
    .addOption(sandboxOption())
    .option("--sandbox-image <image>", "image of container and Modal sandboxes (default: one is built, once)")
    .addOption(engineOption())
    .option("--gpu <gpu>", "GPU for programs that need one, as Modal names it: T4, A100:2; of containers all there are")
    .option("--max-debug-iterations <n>", "revisions after the first draft", parseNumber)
    .option("--max-runtime-mins <minutes>", "longest build and longest run of each iteration", parseNumber)
    .option("--max-cost <dollars>", "money the run may spend on models", parseNumber)
    .option("--max-repository-mb <MiB>", "largest repository that is fetched", parseNumber)
    .option("--no-recipes", "remember no environments that worked, and offer none")
    .option("--resume <run folder>", "go on with a run that was cancelled, killed, or ended by --max-cost")
    .option("--feedback <text>", "with --resume, of a run that has ended: what to change in its example")
    .option("--estimate", "say what a run would cost, and run nothing", false)
    .option("--dry-run", "survey and plan; run nothing", false)
    .option("--json", "one JSON result on stdout, progress on stderr", false)
    .option("--verbose", "more about what happens", false)
    .addHelpText("after", exitCodes)
    .action(async (repository: string | undefined, config: string | undefined, flags: DistillFlags) => {
      status = await runDistill(terminal, repository, config, flags);
    });

  program
    .command("verify")
    .description("run an example again in a clean room and compare its values")
    .argument("<example>", "folder with main.py, runscript.sh, results.json and metadata.json")
    .option("--source <repository>", "where the repository is to be had, if not at the address in metadata.json")
    .option("--current", "at the head of the default branch (a local --source: as it lies there), not at its commit")
    .addOption(sandboxOption())
    .option("--sandbox-image <image>", "image of container and Modal sandboxes (default: one is built, once)")
    .addOption(engineOption())
    .option("--gpu <gpu>", "GPU for an example that needs one")
    .option("--max-runtime-mins <minutes>", "longest build and longest run", parseNumber)
    .option("--json", "one JSON result on stdout", false)
    .option("--verbose", "more about what happens", false)
    .action(async (example: string, flags: VerifyFlags) => {
      status = await runVerify(terminal, example, flags);
    });

  program
    .command("report")
    .description("write report.html and REPORT.md of a run again")
    .argument("<run>", "folder of a run")
    .action(async (run: string) => {
      status = await runReport(terminal, run);
    });

  program
    .command("serve")
    .description("run the GitHub App")
    .argument("[config]", "configuration file (JSON): keys of a run, and of the app below `app`")
    .option("--setup", "have GitHub make the app: opens a page that does it, and writes .env", false)
    .option("--check", "only say whether everything that is needed is there", false)
    .action(async (config: string | undefined, flags: ServeFlags) => {
      status = await runServe(terminal, config, flags);
    });

  program
    .command("doctor")
    .description("say what is there, what is missing, and how to get it")
    .option("--json", "as JSON", false)
    .action(async (flags: { json: boolean }) => {
      status = await runDoctor(terminal, flags);
    });

  program
    .command("reap")
    .description("remove what runs that are no more left behind: sandboxes, unused snapshots, temporary folders")
    .option("--dry-run", "only say what would be removed", false)
    .option("--snapshots-unused <days>", "snapshots that nobody used for so long go too", parseDays, usualDays)
    .option("--json", "as JSON", false)
    .action(async (flags: ReapFlags) => {
      status = await runReap(terminal, flags);
    });

  try {
    await program.parseAsync([...terminal.arguments], { from: "user" });
    return status;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitStatus.verified : exitStatus.usage;
    if (error instanceof CancelledError || terminal.signal.aborted) {
      terminal.stderr.write("codedistiller: Cancelled.\n");
      return exitStatus.cancelled;
    }
    if (error instanceof DistillerError) {
      terminal.stderr.write(`codedistiller: ${error.userMessage}\n`);
      return error.name === "ConfigError" ? exitStatus.usage : exitStatus.error;
    }
    terminal.stderr.write("codedistiller: an unexpected fault. Please report it, with the command you gave.\n");
    if (terminal.arguments.includes("--verbose"))
      terminal.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
    return exitStatus.error;
  }
}

/** Commander's words in our form: one line, with what to do. */
function describeUsageError(text: string): string {
  const line = text
    .replace(/^error: /, "")
    .replace(/\s*\n\s*/g, " ")
    .trim();
  return `${line}${/[.?)]$/.test(line) ? "" : "."} See --help for what there is.`;
}

function sandboxOption(): Option {
  return new Option(
    "--sandbox <kind>",
    "where programs run: modal, container, local (bubblewrap), none (without isolation), or auto: the first that can be had",
  ).choices(sandboxKinds);
}

function engineOption(): Option {
  return new Option(
    "--container-engine <engine>",
    "engine of container sandboxes (default: the first that answers)",
  ).choices(["docker", "podman"]);
}

/** One used within a day may be in use. */
function parseDays(text: string): number {
  const days = parseNumber(text);
  if (days < 1) throw new InvalidArgumentError("1 day at least: a snapshot used since may be in use.");
  return days;
}

function parseNumber(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value)) throw new InvalidArgumentError("A number is needed.");
  return value;
}
