import { readdirSync, readFileSync } from "node:fs";

/** Ends what an action left running, which the runner knows by a variable; the command lines. */
export function endOrphans(trackingId: string): string[] {
  return readdirSync("/proc").flatMap((name) => {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) return [];
    try {
      if (!readFileSync(`/proc/${name}/environ`, "latin1").includes(`RUNNER_TRACKING_ID=${trackingId}\0`)) return [];
      const command = readFileSync(`/proc/${name}/cmdline`, "utf8").replaceAll("\0", " ").trim();
      process.kill(Number(name), "SIGKILL");
      return [command];
    } catch {
      return [];
    }
  });
}
