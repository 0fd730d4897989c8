import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { styleText } from "node:util";
import { createAdapters } from "../adapters/adapters.ts";
import { type Config, resolveConfig } from "../config.ts";
import {
  type CloneCurrentOptions,
  cloneCurrent,
  type PublishedSource,
  type PublishedVerification,
  verifyPublished,
} from "../jobs/verify-published.ts";
import { type PublishedExample, readPublishedExample } from "../pipeline/verify-example.ts";
import { sandboxSettings } from "./distill-request.ts";
import { exitStatus } from "./exit-status.ts";
import { createProgress, type Progress, printable } from "./progress.ts";
import type { Terminal } from "./terminal.ts";

export interface VerifyFlags {
  source?: string;
  current?: boolean;
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
    const verified = await verify(terminal, { example, flags, config, scratch, progress });
    progress.stop();
    return showVerification(terminal, verified, flags.json);
  } finally {
    progress.stop();
    await rm(scratch, { recursive: true, force: true });
  }
}

async function verify(
  terminal: Terminal,
  {
    example,
    flags,
    config,
    scratch,
    progress,
  }: { example: PublishedExample; flags: VerifyFlags; config: Config; scratch: string; progress: Progress },
): Promise<PublishedVerification> {
  const { signal } = terminal;
  const { createProvider, ...adapters } = createAdapters({ host: terminal, warn: progress.say });
  const source = flags.current
    ? await fetchCurrent({ example, from: flags.source, adapters, config, scratch, progress, signal })
    : ({ kind: "at-its-commit", from: flags.source } as const);
  return verifyPublished({
    example,
    source,
    adapters: {
      ...adapters,
      createProvider: async (...request) => {
        const provider = await createProvider(...request);
        const { name, chosenBecause } = provider;
        if (chosenBecause !== undefined) progress.say(`Sandbox: ${name}, because ${chosenBecause}.`);
        return provider;
      },
    },
    config,
    scratch,
    emit: progress.emit,
    signal,
  });
}

async function fetchCurrent({
  scratch,
  progress,
  ...options
}: Omit<CloneCurrentOptions, "destination"> & {
  config: Config;
  scratch: string;
  progress: Progress;
}): Promise<PublishedSource> {
  progress.emit({ kind: "stage-started", stage: "clone", iteration: null });
  const current = await cloneCurrent({ ...options, destination: join(scratch, "current") });
  if (current) return { kind: "folder", folder: current.folder, commit: current.commit };
  progress.say(
    "The example carries the files that it was made from, and names no place with newer ones: these are taken.",
  );
  return { kind: "at-its-commit" };
}

function showVerification(
  { stdout }: Terminal,
  { verification, commit }: PublishedVerification,
  json: boolean,
): number {
  const { reproduction, grounded, notes } = verification;
  const passed = verification.reasonCode === "verified";
  if (json) stdout.write(`${JSON.stringify({ reproduced: passed, commit, ...verification }, null, 2)}\n`);
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
