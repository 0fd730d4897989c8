import { spawn } from "node:child_process";

export interface StepOptions {
  entry: string;
  workingFolder: string;
  environment: Record<string, string>;
  /** Asked after each piece of output whether to end it now; as who cancels a workflow, or at once. */
  cancel?: (output: string) => boolean;
  kill?: (output: string) => boolean;
  timeoutSeconds: number;
}

export interface EndedStep {
  /** Null where a signal ended it. */
  status: number | null;
  /** Of stdout and stderr, in the order in which they came. */
  lines: string[];
  raw: string;
}

/** Milliseconds that the runner leaves a cancelled step after SIGINT, and then after SIGTERM. */
const graceMs = { interrupt: 7_500, terminate: 2_500 };
/** Milliseconds that it waits for output of what a step left behind. */
const lingerMs = 5_000;

/** One process of an action. Commands count on stderr as well, so both streams are one. */
export async function runStep(options: StepOptions): Promise<EndedStep> {
  const { entry, workingFolder, environment, timeoutSeconds } = options;
  const stdio: ["ignore", "pipe", "pipe"] = ["ignore", "pipe", "pipe"];
  const child = spawn(process.execPath, [entry], { cwd: workingFolder, env: environment, stdio });
  const lines: string[] = [];
  const timers: NodeJS.Timeout[] = [];
  let raw = "";
  let isEnding = false;
  const later = (milliseconds: number, act: () => void) => timers.push(setTimeout(act, milliseconds));
  const cancel = (): void => {
    child.kill("SIGINT");
    later(graceMs.interrupt, () => child.kill("SIGTERM"));
    later(graceMs.interrupt + graceMs.terminate, () => child.kill("SIGKILL"));
  };
  const look = (): void => {
    if (isEnding) return;
    const kills = options.kill?.(raw) ?? false;
    isEnding = kills || (options.cancel?.(raw) ?? false);
    if (kills) child.kill("SIGKILL");
    else if (isEnding) cancel();
  };
  const streams = [child.stdout, child.stderr].map((stream) => {
    let rest = "";
    stream.setEncoding("utf8").on("data", (chunk: string) => {
      raw += chunk;
      const parts = (rest + chunk).split("\n");
      rest = parts.pop() ?? "";
      lines.push(...parts.map((line) => line.replace(/\r$/, "")));
      look();
    });
    return () => {
      if (rest !== "") lines.push(rest);
      stream.destroy();
    };
  });
  let isLate = false;
  later(timeoutSeconds * 1000, () => {
    isLate = true;
    child.kill("SIGKILL");
  });
  const status = await new Promise<number | null>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", resolve);
    child.on("exit", (code) => later(lingerMs, () => resolve(code)));
  }).finally(() => timers.forEach(clearTimeout));
  for (const end of streams) end();
  if (isLate) throw new Error(`The step did not end in ${timeoutSeconds} seconds:\n${raw.slice(-4000)}`);
  return { status, lines, raw };
}
