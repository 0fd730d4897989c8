import { isOrphan } from "../owner.ts";
import type { Leftover, ReapOptions } from "../sandbox.ts";
import type { ModalConnection } from "./modal-connection.ts";

/** Tags of every sandbox of ours; `owner` is the process that made it, `created` when, in milliseconds since 1970. */
export const ourTags = { product: "codedistiller" };

/** Ends sandboxes of ours whose process is no more. They are known by their tags; nothing else is touched. */
export async function removeOrphanedSandboxes(
  connection: ModalConnection,
  { dryRun }: ReapOptions,
): Promise<Leftover[]> {
  const running = await connection.listSandboxes(ourTags);
  const orphans = running.flatMap(({ sandbox, tags: { owner = "", created = "" } }) => {
    const ageMs = Date.now() - Number(created);
    return owner !== "" && ageMs >= 0 && isOrphan(owner, ageMs) ? [{ sandbox, ageMs }] : [];
  });
  if (!dryRun) for (const { sandbox } of orphans) await connection.endSandbox(sandbox);
  return orphans.map(({ sandbox, ageMs }) => ({ kind: "sandbox", name: sandbox.sandboxId, ageMs }));
}
