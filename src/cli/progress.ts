import { styleText } from "node:util";
import ora from "ora";
import type { Emit, RunEvent, Stage } from "../pipeline/events.ts";

export interface Progress {
  emit: Emit;
  /** Writes a line that is no part of the progress. */
  say: (text: string) => void;
  /** Ends the live line, so that other text can follow. */
  stop: () => void;
}

const preparing = "preparing a sandbox";
const labels: Record<Stage, string> = {
  clone: "fetching the repository",
  survey: "reading its files",
  summarize: "finding its purpose",
  classify: "classifying files",
  draft: "drafting the example",
  execute: "building and running",
  revise: "repairing",
  verify: "running again in a clean room",
  judge: "asking the judge",
  report: "writing the report",
};

/** Progress on stderr: one live line on a terminal, plain lines elsewhere. */
export function createProgress({ stream, verbose }: { stream: NodeJS.WriteStream; verbose: boolean }): Progress {
  return stream.isTTY ? createLiveProgress(stream, verbose) : createPlainProgress(stream, verbose);
}

function createLiveProgress(stream: NodeJS.WriteStream, verbose: boolean): Progress {
  const started = performance.now();
  // What ora colours with does not know NO_COLOR; the stream does.
  const spinner = ora({ stream, discardStdin: false, color: stream.hasColors() ? "cyan" : false });
  let stage = "";
  let detail = "";
  let spent = 0;
  const draw = (): void => {
    const elapsed = formatSeconds((performance.now() - started) / 1000);
    const money = spent > 0 ? ` · $${spent.toFixed(2)}` : "";
    const width = Math.max(20, (stream.columns ?? 80) - stage.length - elapsed.length - money.length - 10);
    const shown = detail ? ` ${styleText("dim", printable(detail).slice(0, width), { stream })}` : "";
    spinner.text = `${stage} · ${elapsed}${money}${shown}`;
  };
  const timer = setInterval(draw, 500);
  timer.unref();
  const begin = (label: string, text: string): void => {
    stage = label;
    detail = text;
    draw();
    if (!spinner.isSpinning) spinner.start();
  };
  const say = (text: string): void => {
    const { isSpinning } = spinner;
    spinner.stop();
    stream.write(`${text}\n`);
    if (isSpinning) spinner.start();
  };
  return {
    say,
    emit: (event) => {
      if (event.kind === "stage-started") begin(describeStage(event), "");
      else if (event.kind === "preparing") begin(preparing, event.text);
      else if (event.kind === "output") detail = event.text;
      else if (event.kind === "note")
        say(`  ${styleText("dim", event.stage.padEnd(9), { stream })} ${printable(event.text)}`);
      else if (event.kind === "spent") {
        spent = event.totalUsd;
        draw();
      } else if (verbose) stream.write(`  ${event.stage} took ${formatSeconds(event.seconds)}\n`);
    },
    stop: () => {
      clearInterval(timer);
      spinner.stop();
    },
  };
}

function createPlainProgress(stream: NodeJS.WriteStream, verbose: boolean): Progress {
  let isPreparing = false;
  return {
    say: (text) => void stream.write(`${text}\n`),
    emit: (event) => {
      // Of what an engine says, the first line tells what it does; the others may be hundreds.
      const told = event.kind === "preparing" && isPreparing;
      isPreparing = event.kind === "preparing";
      if (event.kind === "preparing" && !told) stream.write(`${preparing}\n  ${printable(event.text)}\n`);
      else if (event.kind === "stage-started") stream.write(`${describeStage(event)}\n`);
      else if (event.kind === "note") stream.write(`  ${printable(event.text)}\n`);
      else if (verbose && (event.kind === "output" || event.kind === "preparing"))
        stream.write(`    | ${printable(event.text)}\n`);
      else if (verbose && event.kind === "stage-finished")
        stream.write(`  ${event.stage} took ${formatSeconds(event.seconds)}\n`);
    },
    stop: () => undefined,
  };
}

function describeStage({ stage, iteration }: Extract<RunEvent, { kind: "stage-started" }>): string {
  return `${labels[stage]}${iteration === null ? "" : ` (iteration ${iteration + 1})`}`;
}

export function formatSeconds(seconds: number): string {
  if (seconds < 60) return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
}

/** Text of a repository or a program, without what a terminal would act upon. */
export function printable(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e\u2066-\u2069]/g, "?");
}
