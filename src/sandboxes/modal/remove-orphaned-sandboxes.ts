import { isOrphan } from "../owner.ts";
import type { Leftover, ReapOptions } from "../sandbox.ts";
import { tryEach } from "../try-each.ts";
import type { ModalConnection } from "./modal-connection.ts";

/** Tags of every sandbox of ours; `owner` is the process that made it, `created` when, in milliseconds since 1970. */
export const ourTags = { product: "codedistiller" };

/** Sandboxes that are looked at and ended at one time. */
const atOnce = 8;

/** Ends sandboxes of ours whose process is no more. They are known by their tags; nothing else is touched. */
export async function removeOrphanedSandboxes(
  connection: ModalConnection,
  { dryRun, signal }: ReapOptions,
): Promise<Leftover[]> {
  const running = await connection.listSandboxes(ourTags, signal);
  const removed = await tryEach(
    running,
    async (sandbox): Promise<Leftover[]> => {
      const { owner = "", created = "" } = (await connection.readTags(sandbox, signal)) ?? {};
      const ageMs = Date.now() - Number(created);
      if (owner === "" || !(ageMs >= 0) || !isOrphan(owner, ageMs)) return [];
      if (!dryRun) await connection.endSandbox(sandbox, signal);
      return [{ kind: "sandbox", name: sandbox.sandboxId, ageMs }];
    },
    { atOnce },
  );
  return removed.flat();
}
