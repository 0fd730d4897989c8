import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import type { AppUnderTest } from "./app-under-test.ts";

const State = z.object({ distiller: z.object({ config: z.record(z.string(), z.unknown()) }) });

/** The configuration that a run of the embedded database went by. */
export function readSettings({ folder }: Pick<AppUnderTest, "folder">, runId: string): Record<string, unknown> {
  const text = readFileSync(join(folder, "data", "runs", runId, "current_state.json"), "utf8");
  return State.parse(JSON.parse(text)).distiller.config;
}
