import type { ApplicationFunction } from "probot";
import type { AppSettings } from "./app-settings.ts";
import { handlers } from "./handlers/handlers.ts";
import type { Delivery } from "./jobs/queue.ts";

export interface AppOptions {
  settings: AppSettings;
  /** Keeps a delivery until it is handled; false where the same is there already. */
  put: (delivery: Delivery) => Promise<boolean>;
  /** Told of every webhook that asked for something, with the seconds it took to answer. */
  received: (event: string, result: "queued" | "repeated" | "failed", seconds: number) => void;
}

/**
 * The Probot function. It only writes down what is to be done, so that GitHub, which waits ten seconds, is answered at
 * once and a crash loses nothing: a webhook that could not be written down is answered with an error, which GitHub shows
 * and lets an administrator send again.
 */
export function createApp({ settings, put, received }: AppOptions): ApplicationFunction {
  return (probot) => {
    for (const handler of handlers) {
      probot.on(handler.event, async ({ id, payload }) => {
        const started = performance.now();
        const kept = handler.select(payload, settings);
        if (kept === null) return;
        const tell = (result: "queued" | "repeated" | "failed"): void =>
          received(handler.event, result, (performance.now() - started) / 1000);
        try {
          const delivery = { id, event: handler.name, payload: kept, receivedAt: new Date().toISOString() };
          tell((await put(delivery)) ? "queued" : "repeated");
        } catch (error) {
          tell("failed");
          throw error;
        }
      });
    }
  };
}
