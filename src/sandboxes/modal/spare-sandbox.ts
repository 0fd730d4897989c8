import { throwIfCancelled } from "../../errors.ts";
import { type RemoteSandbox, type RemoteSandboxOptions, reopenSandbox } from "../remote/remote-sandbox.ts";

/** The last used sandbox, for the next program of a run that wants one like it. */
export interface SpareSandbox {
  /** The spare one, with nothing of the program before in it; null where there is none like that, or it is gone. */
  take(traits: string, signal?: AbortSignal): Promise<RemoteSandbox | null>;
  /** Keeps what is left of a sandbox that is done with, to be begun with until a point in time; the one before it goes. */
  put(kept: KeptSandbox): Promise<void>;
  /** Ends the spare one, and all that come later. */
  close(): Promise<void>;
}

interface KeptSandbox {
  traits: string;
  used: RemoteSandboxOptions;
  /** In milliseconds since 1970: later its time could be over in the middle of a program. */
  usableUntil: number;
}

export function createSpare(): SpareSandbox {
  let spare: KeptSandbox | null = null;
  let closed = false;
  return {
    async take(traits, signal) {
      if (spare?.traits !== traits) return null;
      const { used, usableUntil } = spare;
      // At once, so that nobody else takes it too.
      spare = null;
      if (Date.now() < usableUntil) {
        try {
          return await reopenSandbox(used, { signal });
        } catch {
          // It may have ended meanwhile, for its time or otherwise: another is made.
        }
      }
      await used.machine.remove();
      throwIfCancelled(signal);
      return null;
    },
    async put(kept) {
      const old = closed ? kept : spare;
      if (!closed) spare = kept;
      await old?.used.machine.remove();
    },
    async close() {
      closed = true;
      const old = spare;
      spare = null;
      await old?.used.machine.remove();
    },
  };
}
