import type { PagesStore } from "../../src/pages/route.ts";
import type { RunRecord } from "../../src/store/run-record.ts";
import type { RunFilter, RunStore } from "../../src/store/store.ts";

export interface MemoryStore extends PagesStore {
  runs: PagesStore["runs"] & Pick<RunStore, "log">;
  /** Puts a record in as it is, or in the place of the one with its id. */
  putRun(run: RunRecord): void;
  putFile(id: string, path: string, bytes: Buffer, options?: { executable?: boolean }): void;
}

/** What pages read of a store, by its contract, in memory: what goes in and comes out is a copy, as from a database. */
export function createMemoryStore(): MemoryStore {
  const runs = new Map<string, RunRecord>();
  const logs = new Map<string, Array<{ at: string; text: string }>>();
  const files = new Map<string, Map<string, { bytes: Buffer; executable: boolean }>>();
  return {
    putRun: (run) => void runs.set(run.id, structuredClone(run)),
    putFile(id, path, bytes, { executable = false } = {}) {
      files.set(id, (files.get(id) ?? new Map()).set(path, { bytes: Buffer.from(bytes), executable }));
    },
    runs: {
      get: async (id) => structuredClone(runs.get(id) ?? null),
      async find(filter) {
        const found = [...runs.values()].filter((run) => isWanted(run, filter));
        found.sort((a, b) => (a.createdAt < b.createdAt ? 1 : -1));
        return structuredClone(found.slice(0, filter.limit ?? 50));
      },
      place: async (run) => (run.status === "queued" ? countBefore(run, [...runs.values()]) : 0),
      async log(id, text) {
        logs.set(id, [...(logs.get(id) ?? []), { at: new Date().toISOString(), text }].slice(-500));
      },
      readLog: async (id, last) => structuredClone((logs.get(id) ?? []).slice(-last)),
      async count() {
        const groups = Map.groupBy(runs.values(), ({ status, ending }) => JSON.stringify([status, ending?.outcome]));
        return [...groups.values()].flatMap((group) => {
          const [first] = group;
          return first ? [{ status: first.status, outcome: first.ending?.outcome ?? null, runs: group.length }] : [];
        });
      },
    },
    files: {
      read: async (id, path) => {
        const file = files.get(id)?.get(path);
        return file ? Buffer.from(file.bytes) : null;
      },
      list: async (id) =>
        [...(files.get(id) ?? [])].map(([path, { bytes, executable }]) => ({ path, bytes: bytes.length, executable })),
    },
  };
}

function countBefore({ installationId, slot, createdAt }: RunRecord, all: readonly RunRecord[]): number {
  return all.filter(
    (each) =>
      each.status !== "finished" &&
      each.installationId === installationId &&
      each.slot === slot &&
      each.createdAt < createdAt,
  ).length;
}

function isWanted(run: RunRecord, filter: RunFilter): boolean {
  const { installationId, repositoryId, statuses, pullNumber, issueNumber, slug } = filter;
  return (
    (installationId === undefined || run.installationId === installationId) &&
    (repositoryId === undefined || run.target.id === repositoryId) &&
    (statuses === undefined || statuses.includes(run.status)) &&
    (pullNumber === undefined || run.pullRequest?.number === pullNumber) &&
    (issueNumber === undefined || run.issue?.number === issueNumber) &&
    (slug === undefined || run.slug === slug)
  );
}
