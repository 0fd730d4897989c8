import { readFileSync, statSync } from "node:fs";
import { settlePackageSettings } from "../local/package-settings.ts";

/** Longest file of certificates that is sent along, in bytes. */
const maxFileBytes = 2_000_000;

/**
 * Settings for machines that see no folder of this one: files that variables name go along, below /opt; variables that
 * name folders, or larger files, are dropped.
 */
export function settleRemoteSettings(passed: Readonly<Record<string, string>>): {
  environment: Record<string, string>;
  files: Record<string, Uint8Array>;
} {
  const settings = settlePackageSettings(passed, { wheelsFolder: null, shown: [] });
  const sent = settings.mounts.filter(({ host }) => {
    const found = statSync(host);
    return found.isFile() && found.size <= maxFileBytes;
  });
  const places = new Set(sent.map(({ inside }) => inside));
  return {
    environment: Object.fromEntries(
      Object.entries(settings.environment).filter(([, value]) => !value.startsWith("/opt/") || places.has(value)),
    ),
    files: Object.fromEntries(sent.map(({ host, inside }) => [inside.slice("/opt/".length), readFileSync(host)])),
  };
}
