/** A model server in a process of its own, so that its memory and its processor time are not the client's. */
import { startModelServer } from "../../test/support/model-server/model-server.ts";

/** Sent to the parent: first the address, then whenever it asks, what was seen since the last time. */
export type ServerMessage =
  | { kind: "listening"; url: string }
  | { kind: "seen"; requests: number; maxInFlight: number; unexpected: number; cpuSeconds: number };

const delayMs = Number(process.argv[2]);
const piece = 20;
const text = "The settings that the failing call takes are named as the outline has them. ".repeat(20).slice(0, 1500);

await using server = await startModelServer({ answer: () => ({ text, delayMs, pieceLength: piece }) });
tell({ kind: "listening", url: server.url });
await new Promise<void>((resolve) => {
  process.on("disconnect", resolve);
  process.on("message", () => {
    const { user, system } = process.cpuUsage();
    const { maxInFlight, unexpected } = server;
    tell({
      kind: "seen",
      requests: server.requests.length,
      maxInFlight,
      unexpected: unexpected.length,
      cpuSeconds: (user + system) / 1e6,
    });
  });
});

function tell(message: ServerMessage): void {
  process.send?.(message);
}
