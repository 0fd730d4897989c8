import type { Sql } from "./database.ts";
import type { NewRun, RunRecord } from "./run-record.ts";

/** Everything that the app keeps. One implementation over SQL; embedded or on a server is the database's affair. */
export interface Store {
  runs: RunStore;
  installations: InstallationStore;
  files: RunFiles;
}

export interface RunFilter {
  installationId?: number;
  repositoryId?: number;
  statuses?: ReadonlyArray<RunRecord["status"]>;
  pullNumber?: number;
  issueNumber?: number;
  slug?: string;
  triggerKey?: string;
  /** Newest first; 50 where nobody says. */
  limit?: number;
}

export interface Bounds {
  /** Runs of one installation at one time: its slots. */
  slots: number;
  /** Runs of one installation that may wait. */
  waiting: number;
  /** Runs that an account may ask for in a day. */
  dayRuns: number;
  /** What models may cost a repository in a day, and an installation in a month, in US dollars. */
  repositoryDayUsd: number;
  installationMonthUsd: number;
}

/** What a run may cost could cross a bound; what other runs may still spend counts as spent. */
export interface OverBudget {
  kind: "over-budget";
  budget: "repository-day" | "installation-month";
  leftUsd: number;
  limitUsd: number;
}

export type Creation =
  | { kind: "created"; run: RunRecord }
  /** The same trigger came before. */
  | { kind: "known"; run: RunRecord }
  | { kind: "too-many"; waiting: number }
  | { kind: "too-many-today"; limit: number }
  | OverBudget;

export interface RunStore {
  /**
   * Adds a run and puts it into the queue by `enqueue`, both or neither. Runs of one repository share a slot; others take
   * the slot with the fewest before them. Requests of one installation are decided one after the other, also across
   * processes.
   */
  create(run: NewRun, bounds: Bounds, enqueue: (sql: Sql, run: RunRecord) => Promise<unknown>): Promise<Creation>;
  get(id: string): Promise<RunRecord | null>;
  find(filter: RunFilter): Promise<RunRecord[]>;
  /** Reads, changes and writes one record, alone; null where there is none. `change` may return null to leave it as it is. */
  update(id: string, change: (run: RunRecord) => RunRecord | null): Promise<RunRecord | null>;
  /** How many runs are before it: those of its slot that run or wait since longer. 0: none of its installation is, or it runs. */
  place(run: RunRecord): Promise<number>;
  /** A line for people; the newest 500 of a run are kept. */
  log(id: string, text: string): Promise<void>;
  readLog(id: string, last: number): Promise<Array<{ at: string; text: string }>>;
  /** Forgets runs that ended before a time (ISO 8601), with their files and logs; how many. */
  removeEndedBefore(time: string): Promise<number>;
  /** Counts by status, and of ended runs by outcome. */
  count(): Promise<Array<{ status: RunRecord["status"]; outcome: string | null; runs: number }>>;
}

interface Installation {
  id: number;
  account: string;
  suspended: boolean;
}

export interface InstallationStore {
  put(installation: Installation): Promise<void>;
  get(id: number): Promise<Installation | null>;
  /** With all its runs and their files. */
  forget(id: number): Promise<void>;
}

/** The folders of runs. On one machine they are folders; where many processes share a database they are kept there as well. */
export interface RunFiles {
  /** The folder of this machine for a run. */
  folderOf(id: string): string;
  /** Brings the folder to this machine. One that goes on from what was kept last stays as it is, with what is newer in it. */
  restore(id: string): Promise<void>;
  /** Keeps what changed since the last time, without the checked-out repository. */
  keep(id: string): Promise<void>;
  /** One file of a run's folder by its path, `/` between parts; null where there is none. No links are followed. */
  read(id: string, path: string): Promise<Buffer | null>;
  list(id: string): Promise<Array<{ path: string; bytes: number; executable: boolean }>>;
  /** The files of one run become those of another, for a revision. */
  copy(from: string, to: string): Promise<void>;
  remove(id: string): Promise<void>;
  /** Where files are kept elsewhere too: removes this machine's folders of runs that are gone or ended before a time (ISO 8601); how many. */
  removeCopies(endedBefore: string): Promise<number>;
}
