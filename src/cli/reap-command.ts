import { lstat, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type ConstructOptions,
  constructContainers,
  constructLocal,
  constructModal,
} from "../adapters/construct-provider.ts";
import { findExecutable } from "../adapters/find-executable.ts";
import { findModalTokens } from "../adapters/find-modal-tokens.ts";
import { resolveConfig } from "../config.ts";
import { DistillerError } from "../errors.ts";
import { type Leftover, type ReapOptions, type SandboxProvider, usualBounds } from "../sandboxes/sandbox.ts";
import { exitStatus } from "./exit-status.ts";
import { printable } from "./progress.ts";
import type { Terminal } from "./terminal.ts";

export interface ReapFlags {
  dryRun: boolean;
  /** In days. */
  snapshotsUnused: number;
  json: boolean;
}

const dayMs = 24 * 3600_000;
export const usualDays = usualBounds.snapshotsUnusedMs / dayMs;

/** What one place had to give back; `problem` where it could not be asked. */
interface Reaped {
  place: string;
  removed: Array<Omit<Leftover, "kind"> & { kind: Leftover["kind"] | "folder" }>;
  problem: string | null;
}

/** Asks every place that can be had here for what dead runs left; one that does not answer does not stop the others. */
export async function runReap(terminal: Terminal, { dryRun, snapshotsUnused, json }: ReapFlags): Promise<number> {
  const bounds: ReapOptions = { snapshotsUnusedMs: snapshotsUnused * dayMs, dryRun };
  const reaped: Reaped[] = [];
  for (const { place, reap } of listPlaces(terminal)) {
    terminal.signal.throwIfAborted();
    try {
      reaped.push({ place, removed: await reap(bounds), problem: null });
    } catch (error) {
      if (!(error instanceof DistillerError)) throw error;
      reaped.push({ place, removed: [], problem: error.userMessage });
    }
  }
  if (json) terminal.stdout.write(`${JSON.stringify({ dryRun, places: reaped }, null, 2)}\n`);
  else showReaped(terminal, reaped, dryRun);
  return reaped.every(({ problem }) => problem !== null) ? exitStatus.error : exitStatus.verified;
}

interface Place {
  place: string;
  reap: (bounds: ReapOptions) => Promise<Reaped["removed"]>;
}

function listPlaces(terminal: Terminal): Place[] {
  const options: ConstructOptions = {
    config: resolveConfig({ flags: {}, file: null, environment: terminal.environment }),
    host: terminal,
    tenant: "local",
    runId: null,
    onProgress: () => undefined,
    warn: () => undefined,
    // It would remove by the usual bounds, also where only a look was asked for.
    reapAtStart: false,
  };
  const by = (construct: () => Promise<SandboxProvider>): Place["reap"] => {
    return async (bounds) => {
      await using provider = await construct();
      return await provider.reap(bounds);
    };
  };
  // What was left here needs no bubblewrap to be removed, and is found by either kind.
  const sandboxes = by(() => constructLocal(options, "none"));
  const removeLocal: Place["reap"] = async (bounds) => [
    ...(await sandboxes(bounds)),
    ...(await removeTemporaryFolders(bounds)),
  ];
  const engines = (["docker", "podman"] as const).filter((name) => findExecutable(name, terminal) !== null);
  return [
    ...(findModalTokens(terminal) === null ? [] : [{ place: "modal", reap: by(() => constructModal(options)) }]),
    ...engines.map((name) => ({ place: name, reap: by(() => constructContainers(options, name)) })),
    { place: "local", reap: removeLocal },
  ];
}

/** No command takes this long, in milliseconds. */
const abandonedMs = 7 * dayMs;

/** Folders of commands that were killed in the middle: a repository that was fetched to verify an example. */
async function removeTemporaryFolders({ dryRun }: ReapOptions): Promise<Reaped["removed"]> {
  const removed: Reaped["removed"] = [];
  for (const name of await readdir(tmpdir())) {
    if (!/^codedistiller-(verify|estimate|command)-\w{6}$/.test(name)) continue;
    const path = join(tmpdir(), name);
    const found = await lstat(path).catch(() => null);
    const ageMs = Date.now() - (found?.mtimeMs ?? Date.now());
    if (!found?.isDirectory() || found.uid !== process.getuid?.() || ageMs < abandonedMs) continue;
    if (!dryRun) await rm(path, { recursive: true, force: true });
    removed.push({ kind: "folder", name: path, ageMs });
  }
  return removed;
}

function showReaped({ stdout }: Terminal, reaped: readonly Reaped[], dryRun: boolean): void {
  const line = (text: string): void => void stdout.write(`${printable(text)}\n`);
  for (const { place, removed, problem } of reaped) {
    if (problem !== null) line(`${place}: could not be asked. ${problem}`);
    if (removed.length > 0) line(`${place}: ${dryRun ? "would be removed" : "removed"}`);
    for (const { kind, name, ageMs } of removed)
      line(`  ${kind.padEnd(9)} ${name}, ${kind === "snapshot" ? "unused for " : ""}${describeAge(ageMs)}`);
  }
  if (reaped.every(({ removed }) => removed.length === 0)) line("Nothing was left behind.");
}

function describeAge(ageMs: number): string {
  const minutes = Math.round(ageMs / 60_000);
  if (minutes < 120) return `${minutes} min`;
  const hours = Math.round(minutes / 60);
  return hours < 48 ? `${hours} hours` : `${Math.round(hours / 24)} days`;
}
