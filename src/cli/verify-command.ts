import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { styleText } from "node:util";
import { createAdapters } from "../adapters/adapters.ts";
import { type Config, resolveConfig } from "../config.ts";
import { RepositoryError } from "../errors.ts";
import { exists } from "../pipeline/run.ts";
import {
  type PublishedExample,
  readPublishedExample,
  type Verification,
  verifyExample,
} from "../pipeline/verify-example.ts";
import { cloneRepository } from "../repository/clone-repository.ts";
import { parseRepositorySource } from "../repository/repository-source.ts";
import { sandboxSettings } from "./distill-request.ts";
import { exitStatus } from "./exit-status.ts";
import { createProgress, type Progress, printable } from "./progress.ts";
import type { Terminal } from "./terminal.ts";

export interface VerifyFlags {
  source?: string;
  sandbox?: Config["sandbox"];
  sandboxImage?: string;
  containerEngine?: NonNullable<Config["container_engine"]>;
  gpu?: string;
  maxRuntimeMins?: number;
  json: boolean;
  verbose: boolean;
}

export async function runVerify(terminal: Terminal, folder: string, flags: VerifyFlags): Promise<number> {
  const example = await readPublishedExample(resolve(terminal.workingFolder, folder));
  const config = resolveConfig({
    flags: { ...sandboxSettings(flags), max_runtime_mins: flags.maxRuntimeMins },
    file: null,
    environment: terminal.environment,
  });
  const progress = createProgress({ stream: terminal.stderr, verbose: flags.verbose });
  const scratch = await mkdtemp(join(tmpdir(), "codedistiller-verify-"));
  try {
    const verification = await verify(terminal, { example, source: flags.source, config, scratch, progress });
    progress.stop();
    return showVerification(terminal, verification, flags.json);
  } finally {
    progress.stop();
    await rm(scratch, { recursive: true, force: true });
  }
}

async function verify(
  terminal: Terminal,
  {
    example,
    source,
    config,
    scratch,
    progress,
  }: { example: PublishedExample; source: string | undefined; config: Config; scratch: string; progress: Progress },
): Promise<Verification> {
  await using provider = await createAdapters({ host: terminal, warn: progress.say }).createProvider(config, {
    dryRun: false,
    runId: null,
    onProgress: (text) => progress.emit({ kind: "preparing", text }),
  });
  if (provider.chosenBecause !== undefined)
    progress.say(`Sandbox: ${provider.name}, because ${provider.chosenBecause}.`);
  progress.emit({ kind: "stage-started", stage: "clone", iteration: null });
  const repositoryFolder = await provideSource(terminal, example, source, join(scratch, "repository"));
  progress.emit({ kind: "stage-started", stage: "verify", iteration: null });
  return await verifyExample({
    example,
    provider,
    repositoryFolder,
    sourceKey: `verify:${scratch}`,
    folder: join(scratch, "clean-room"),
    config,
    onOutput: (text) => progress.emit({ kind: "output", stage: "verify", text: text.trim().split("\n").at(-1) ?? "" }),
    signal: terminal.signal,
  });
}

function showVerification({ stdout }: Terminal, verification: Verification, json: boolean): number {
  const { reproduction, grounded, notes } = verification;
  const passed = reproduction.check.result === "passed" && grounded.result === "passed";
  if (json) stdout.write(`${JSON.stringify({ reproduced: passed, ...verification }, null, 2)}\n`);
  else {
    stdout.write(
      `${styleText([passed ? "green" : "red", "bold"], passed ? "reproduced" : "not reproduced", { stream: stdout })}: ${printable(reproduction.check.evidence)}\n`,
    );
    stdout.write(`  grounded: ${printable(grounded.evidence)}\n`);
    for (const note of notes) stdout.write(`  ${printable(note)}\n`);
    for (const { key, first, second } of reproduction.differences.slice(0, 10))
      stdout.write(`  ${printable(key)}: ${printable(first)} -> ${printable(second)}\n`);
  }
  return passed ? exitStatus.verified : exitStatus.notVerified;
}

/** The repository at the example's commit: from `--source`, from the folder itself, or from where it was taken. */
async function provideSource(
  { environment, homeFolder, workingFolder, signal }: Terminal,
  { folder, metadata }: PublishedExample,
  given: string | undefined,
  destination: string,
): Promise<string> {
  const carried = join(folder, "source");
  if (given === undefined && (await exists(carried))) return carried;
  const { commit, source } = metadata.distiller;
  const repository = await cloneRepository({
    source: parseRepositorySource(given ?? metadata.repository_url ?? source, { workingFolder, homeFolder }),
    ...(commit && given === undefined ? { ref: commit } : {}),
    destination,
    gitEnvironment: environment,
    signal,
  });
  if (commit && repository.commit && repository.commit !== commit) {
    throw new RepositoryError({
      code: "other-commit",
      userMessage: `The example was made at commit ${commit.slice(0, 12)}, ${given ?? "the repository"} is at ${repository.commit.slice(0, 12)}. Check that commit out first.`,
    });
  }
  return repository.folder;
}
