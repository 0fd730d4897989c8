import { mkdir, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Sandbox } from "modal";
import { z } from "zod";
import { parseBoundedJson } from "../../bounded-json.ts";
import { SandboxError } from "../../errors.ts";
import { checkSnapshotKey, isSnapshotKey, listNotes, type SnapshotIndex } from "../snapshots.ts";
import { callModal } from "./call-modal.ts";
import type { ModalConnection } from "./modal-connection.ts";

const Kept = z.object({ imageId: z.string().min(1), keptAt: z.number() });

/** Modal removes a snapshot by itself after so long, in milliseconds; used or not. */
const lifeMs = 14 * 24 * 3600_000;
/** One about to go is not begun with, in milliseconds. */
const marginMs = 24 * 3600_000;
/** The SDK's own end of a snapshot comes first, in milliseconds. */
const graceMs = 30_000;

/** Snapshots are images at Modal, which cannot be listed there: a file for each says which, and when it was used last. */
export interface ModalSnapshots extends SnapshotIndex {
  /** The image of a snapshot; null where there is none. */
  find(key: string): Promise<string | null>;
  save(sandbox: Sandbox, key: string, signal?: AbortSignal): Promise<void>;
  /** Forgets one whose image is gone. */
  forget(key: string): Promise<void>;
}

export function createModalSnapshots(connection: ModalConnection, folder: string): ModalSnapshots {
  const fileOf = (key: string) => {
    checkSnapshotKey(key);
    return join(folder, key);
  };
  async function find(key: string): Promise<string | null> {
    const text = await readFile(fileOf(key), "utf8").catch(() => "");
    const { data } = Kept.safeParse(parseBoundedJson(text)?.value);
    if (!data || Date.now() > data.keptAt + lifeMs - marginMs) return null;
    const now = new Date();
    await utimes(fileOf(key), now, now).catch(() => undefined);
    return data.imageId;
  }
  const forget = (key: string) => rm(fileOf(key), { force: true });
  return {
    find,
    forget,
    async save(sandbox, key, signal) {
      const { snapshotMs } = connection.deadlines;
      const take = () => sandbox.snapshotFilesystem({ timeoutMs: snapshotMs, ttlMs: lifeMs });
      const call = { what: "a snapshot", deadlineMs: snapshotMs + graceMs, signal };
      const { imageId } = await callModal(call, take).catch(describe);
      // The image that is replaced may be in use, and goes by Modal's own bound.
      await mkdir(folder, { recursive: true, mode: 0o700 });
      await writeFile(fileOf(key), JSON.stringify({ imageId, keptAt: Date.now() }));
    },
    async remove(key, signal) {
      const imageId = await find(key);
      await forget(key);
      if (imageId !== null) await connection.removeImage(imageId, signal);
    },
    list: () => listNotes(folder, isSnapshotKey),
  };
}

function describe(error: unknown): never {
  if (!(error instanceof SandboxError) || !/^sandbox-(failed|settings)$/.test(error.code)) throw error;
  const userMessage = `The environment could not be kept: ${error.userMessage}. The example is not to blame; try again.`;
  throw new SandboxError({ code: "snapshot-failed", userMessage, retryable: true, cause: error });
}
