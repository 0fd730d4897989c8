import { type RemoteSandbox, type RemoteSandboxOptions, reopenSandbox } from "../remote/remote-sandbox.ts";

/** The last used sandbox, for the next program of a run that wants one like it. */
export interface SpareSandbox {
  /** The spare one, with nothing of the program before in it; null where there is none like that, or it is gone. */
  take(traits: string): Promise<RemoteSandbox | null>;
  /** Keeps what is left of a sandbox that is done with; the one before it goes. */
  put(traits: string, used: RemoteSandboxOptions): Promise<void>;
  clear(): Promise<void>;
}

export function createSpare(): SpareSandbox {
  let spare: { traits: string; used: RemoteSandboxOptions } | null = null;
  async function clear(): Promise<void> {
    const old = spare;
    spare = null;
    await old?.used.machine.remove();
  }
  return {
    clear,
    async take(traits) {
      if (spare?.traits !== traits) return null;
      const { used } = spare;
      spare = null;
      try {
        return await reopenSandbox(used);
      } catch {
        // It may have ended meanwhile, for its time or otherwise: another is made.
        await used.machine.remove();
        return null;
      }
    },
    async put(traits, used) {
      await clear();
      spare = { traits, used };
    },
  };
}
