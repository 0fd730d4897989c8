import { z } from "zod";
import { parseBoundedJson } from "../../bounded-json.ts";
import type { ContainerEngine } from "./container-engine.ts";

/** Exit status of what was ended by signal 9, as the kernel does where memory is short. */
const killedStatus = 137;
const lookingMs = 20_000;

const State = z.object({ Running: z.boolean(), OOMKilled: z.boolean().catch(false), ExitCode: z.number() });
/** Of the control group, by version 2 and version 1. */
const eventFiles = ["/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control"];

/**
 * Whether a command in a container, which ended with this status, was ended by the kernel for the memory of the
 * container. Engines tell that of a container's first process alone; of others the control group knows.
 */
export async function findMemoryKill(
  engine: ContainerEngine,
  { container, status }: { container: string; status: number | null },
): Promise<boolean> {
  if (status !== killedStatus) return false;
  const call = { timeoutMs: lookingMs };
  const inspected = await engine.run(
    ["inspect", "--type", "container", "--format", "{{json .State}}", container],
    call,
  );
  const { data } = State.safeParse(parseBoundedJson(inspected.stdout)?.value);
  if (data === undefined) return false;
  if (!data.Running) return data.OOMKilled && data.ExitCode === killedStatus;
  const counted = await engine.run(["exec", "--user", "0:0", container, "cat", ...eventFiles], call);
  return /^oom_kill [1-9]/m.test(counted.stdout);
}
