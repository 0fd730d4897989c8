import { nameOfStage } from "../jobs/stage-names.ts";
import type { Emit, RunEvent } from "../pipeline/events.ts";
import { formatDollars, formatSeconds, plural } from "../pipeline/report-format.ts";
import { inertLine } from "./inert-line.ts";

export interface StageLog {
  emit: Emit;
  /** Closes what is open, so that other text can follow. */
  end: () => void;
}

/** Milliseconds from one line that a program printed to the next that is shown: a log is not to be scrolled for an hour. */
const betweenLines = 250;

/** The stages of a run in a workflow's log: a group each, and nothing in it that the runner takes for a command. */
export function createStageLog({
  write,
  now = () => performance.now(),
}: {
  /** One line, without its end. */
  write: (line: string) => void;
  now?: () => number;
}): StageLog {
  let isOpen = false;
  let spentUsd = 0;
  const live = limitLines({ write, now });
  const end = (): void => {
    live.flush();
    if (isOpen) write("::endgroup::");
    isOpen = false;
  };
  const begin = (event: Extract<RunEvent, { kind: "stage-started" }>): void => {
    end();
    write(`::group::${describeStage(event)}`);
    isOpen = true;
  };
  return {
    end,
    emit: (event) => {
      if (event.kind === "stage-started") begin(event);
      else if (event.kind === "note") write(inertLine(event.text, "- "));
      else if (event.kind === "output" || event.kind === "preparing") live.show(event.text);
      else if (event.kind === "spent") spentUsd = event.totalUsd;
      else {
        live.flush();
        const money = spentUsd > 0 ? `; models have cost ${formatDollars(spentUsd)} so far` : "";
        write(`It took ${formatSeconds(event.seconds)}${money}.`);
        end();
      }
    },
  };
}

/** No text from outside: the runner needs nothing escaped. */
function describeStage({ stage, iteration }: Extract<RunEvent, { kind: "stage-started" }>): string {
  const name = nameOfStage(stage) ?? "Another stage";
  return iteration === null ? name : `${name}, iteration ${iteration + 1}`;
}

/** Shows the lines of a program as far as a log can take them; how many it could not is said before the next one. */
function limitLines({ write, now }: { write: (line: string) => void; now: () => number }) {
  let last = Number.NEGATIVE_INFINITY;
  let left = 0;
  const flush = (): void => {
    if (left > 0) write(`(${plural(left, "line")} not shown)`);
    left = 0;
  };
  const show = (text: string): void => {
    if (now() - last < betweenLines) left++;
    else {
      flush();
      write(inertLine(text));
      last = now();
    }
  };
  return { show, flush };
}
