import { z } from "zod";
import { parseBoundedJson } from "../../bounded-json.ts";
import { captureOutput } from "../capture-output.ts";
import { createReporter } from "../report-output.ts";
import type { CommandResult, RunCommandOptions } from "../sandbox.ts";
import type { Frame } from "./frames.ts";

/** What the agent did not send on of a stream, and lines of it that look like errors. */
const LeftOut = z.object({
  stream: z.enum(["o", "e"]),
  bytes: z.number().int().nonnegative(),
  lines: z.array(z.string()).default([]),
});

export interface OutputReception {
  /** Takes a frame of the agent's; those that are about something else are passed over. */
  receive: (frame: Frame) => void;
  finish: () => Pick<CommandResult, "stdout" | "stderr">;
}

/** Collects what a program writes, as the agent sends it. */
export function receiveOutput({
  outputLimitBytes,
  onOutput,
}: Pick<RunCommandOptions, "outputLimitBytes" | "onOutput">): OutputReception {
  const open = (name: "stdout" | "stderr") => ({
    capture: captureOutput(outputLimitBytes),
    report: onOutput ? createReporter((text) => onOutput(name, text)) : () => undefined,
  });
  const streams = { o: open("stdout"), e: open("stderr") };
  return {
    receive({ type, payload }) {
      if (type === "o" || type === "e") {
        streams[type].capture.write(payload);
        streams[type].report(payload);
      } else if (type === "s") {
        const { data } = LeftOut.safeParse(parseBoundedJson(payload.toString())?.value);
        if (data) streams[data.stream].capture.leaveOut(data);
      }
    },
    finish: () => ({ stdout: streams.o.capture.finish(), stderr: streams.e.capture.finish() }),
  };
}
