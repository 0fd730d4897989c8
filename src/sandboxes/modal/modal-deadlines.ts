/** Longest waits for an answer, in milliseconds. */
export interface ModalDeadlines {
  /** For what is done at once. */
  shortMs: number;
  /** For a command to start. */
  startMs: number;
  /** For a sandbox, which may wait for a machine. */
  createMs: number;
  buildMs: number;
  snapshotMs: number;
  /** For sandboxes that nobody waits for any more, at the end. */
  lateMs: number;
}

export const usualDeadlines: ModalDeadlines = {
  shortMs: 60_000,
  startMs: 120_000,
  createMs: 10 * 60_000,
  buildMs: 60 * 60_000,
  snapshotMs: 15 * 60_000,
  lateMs: 10_000,
};
