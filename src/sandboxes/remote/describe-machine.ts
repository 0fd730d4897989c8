import { z } from "zod";
import type { SandboxDescription } from "../sandbox.ts";
import type { RemoteSandbox } from "./remote-sandbox.ts";

const Found = z.object({
  ok: z.literal(true),
  system: z.string().max(200),
  architecture: z.string().max(50),
  cpuCores: z.number().positive(),
  memoryMb: z.number().positive(),
  pythons: z
    .array(z.object({ path: z.string().startsWith("/"), version: z.string().max(50), hasHeaders: z.boolean() }))
    .max(100),
  tools: z.array(z.string().max(50)).max(100),
  gpu: z.string().max(200).nullable(),
  apt: z.boolean(),
});

/** What a sandbox takes that only tells what is in it. */
export const describingLimits = { memoryMb: 512, processes: 64, diskMb: 64 };
const describingMs = 120_000;

/** Asks a new sandbox what programs find in it. */
export async function describeMachine(
  sandbox: RemoteSandbox,
  signal: AbortSignal | undefined,
): Promise<Omit<SandboxDescription, "provider" | "image">> {
  const call = { request: { op: "describe" }, result: Found, deadlineMs: describingMs, signal };
  const { ok: _, apt, ...found } = await sandbox.ask(call);
  return { ...found, isolated: true, systemPackages: apt };
}
