/** Has something done soon, and then not again before its time; asked for meanwhile, it is done once more. */
export function repeatAtMost(everyMs: number, work: () => void): { soon: () => void; stop: () => void } {
  let timer: NodeJS.Timeout | null = null;
  let doneAt = 0;
  let stopped = false;
  const run = (): void => {
    timer = null;
    doneAt = Date.now();
    work();
  };
  return {
    soon: () => {
      if (!stopped && timer === null) timer = setTimeout(run, Math.max(0, doneAt + everyMs - Date.now()));
    },
    stop: () => {
      stopped = true;
      if (timer !== null) clearTimeout(timer);
    },
  };
}
