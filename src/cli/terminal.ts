import type { Host } from "../adapters/host.ts";

/** Everything a command takes from the process it runs in. */
export interface Terminal extends Host {
  arguments: readonly string[];
  stdout: NodeJS.WriteStream;
  stderr: NodeJS.WriteStream;
}
