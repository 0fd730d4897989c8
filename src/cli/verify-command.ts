import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { styleText } from "node:util";
import { type Config, resolveConfig } from "../config.ts";
import { RepositoryError } from "../errors.ts";
import { exists } from "../pipeline/run.ts";
import { type PublishedExample, readPublishedExample, verifyExample } from "../pipeline/verify-example.ts";
import { cloneRepository } from "../repository/clone-repository.ts";
import { parseRepositorySource } from "../repository/repository-source.ts";
import { createAdapters } from "./adapters.ts";
import { exitStatus } from "./exit-status.ts";
import { createProgress, printable } from "./progress.ts";
import type { Terminal } from "./terminal.ts";

export interface VerifyFlags {
  source?: string;
  sandbox?: Config["sandbox"];
  maxRuntimeMins?: number;
  json: boolean;
  verbose: boolean;
}

export async function runVerify(terminal: Terminal, folder: string, flags: VerifyFlags): Promise<number> {
  const { stdout, stderr, signal, workingFolder } = terminal;
  const example = await readPublishedExample(resolve(workingFolder, folder));
  const config = resolveConfig({
    flags: { sandbox: flags.sandbox, max_runtime_mins: flags.maxRuntimeMins },
    file: null,
    environment: terminal.environment,
  });
  const adapters = createAdapters(terminal, (text) => void stderr.write(`${text}\n`));
  const progress = createProgress({ stream: stderr, verbose: flags.verbose });
  await using provider = await adapters.createProvider(config, {
    dryRun: false,
    runId: null,
    onProgress: (text) => progress.emit({ kind: "output", stage: "verify", text }),
  });
  const scratch = await mkdtemp(join(tmpdir(), "codedistiller-verify-"));
  try {
    progress.emit({ kind: "stage-started", stage: "clone", iteration: null });
    const repositoryFolder = await provideSource(terminal, example, flags.source, join(scratch, "repository"));
    progress.emit({ kind: "stage-started", stage: "verify", iteration: null });
    const { reproduction, grounded } = await verifyExample({
      example,
      provider,
      repositoryFolder,
      sourceKey: `verify:${scratch}`,
      folder: join(scratch, "clean-room"),
      config,
      onOutput: (text) =>
        progress.emit({ kind: "output", stage: "verify", text: text.trim().split("\n").at(-1) ?? "" }),
      signal,
    });
    progress.stop();
    const passed = reproduction.check.result === "passed" && grounded.result === "passed";
    if (flags.json) stdout.write(`${JSON.stringify({ reproduced: passed, reproduction, grounded }, null, 2)}\n`);
    else {
      stdout.write(
        `${styleText([passed ? "green" : "red", "bold"], passed ? "reproduced" : "not reproduced", { stream: stdout })}: ${printable(reproduction.check.evidence)}\n`,
      );
      stdout.write(`  grounded: ${printable(grounded.evidence)}\n`);
      for (const { key, first, second } of reproduction.differences.slice(0, 10))
        stdout.write(`  ${printable(key)}: ${printable(first)} -> ${printable(second)}\n`);
    }
    return passed ? exitStatus.verified : exitStatus.notVerified;
  } finally {
    progress.stop();
    await rm(scratch, { recursive: true, force: true });
  }
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
