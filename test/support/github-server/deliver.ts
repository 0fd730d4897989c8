import { randomUUID } from "node:crypto";
import payloads from "@octokit/webhooks-examples" with { type: "json" };
import { sign } from "@octokit/webhooks-methods";
import { webhookSecret } from "./credentials.ts";
import { asRecord } from "./exchange.ts";
import type { Delivery } from "./protocol.ts";

export interface Webhooks {
  deliveries: Delivery[];
  deliverTo(url: string): void;
  send(event: string, payload: Record<string, unknown>, options?: { delivery?: string }): Promise<Delivery>;
}

/** Signs and posts webhooks as GitHub does; GitHub gives an app 10 seconds. */
export function createWebhooks(): Webhooks {
  let url: string | undefined;
  const deliveries: Delivery[] = [];
  return {
    deliveries,
    deliverTo(given) {
      url = given;
    },
    async send(event, payload, { delivery: id = randomUUID() } = {}) {
      const started = performance.now();
      const status = url === undefined ? null : await post(url, { id, event, text: JSON.stringify(payload) });
      const delivery = { id, event, payload, status, milliseconds: performance.now() - started };
      deliveries.push(delivery);
      return delivery;
    },
  };
}

async function post(
  url: string,
  { id, event, text }: { id: string; event: string; text: string },
): Promise<number | null> {
  const headers = {
    "content-type": "application/json",
    "user-agent": "GitHub-Hookshot/000000",
    "x-github-event": event,
    "x-github-delivery": id,
    "x-hub-signature-256": await sign(webhookSecret, text),
  };
  try {
    const response = await fetch(url, { method: "POST", headers, body: text, signal: AbortSignal.timeout(10_000) });
    await response.arrayBuffer();
    return response.status;
  } catch {
    return null;
  }
}

interface Example {
  name: string;
  examples: Array<Record<string, unknown>>;
}

const examples = payloads as unknown as Example[];

/**
 * A payload of GitHub's with our values in it. Objects are laid over the example's own, so that fields which
 * the emulator does not know are there as well. An action without an example has the event's first one; `organization` and `requester` of the example are left out.
 */
export function composePayload(
  event: string,
  action: string | null,
  ours: Record<string, unknown>,
): Record<string, unknown> {
  const all = examples.find(({ name }) => name === event)?.examples ?? [];
  const example = all.find((one) => one.action === action) ?? all[0];
  if (!example) throw new Error(`There is no example of ${event}.`);
  const { organization: _, requester: __, ...kept } = example;
  const laid = Object.entries(ours).map(([key, value]) => {
    const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
    return [key, isObject ? { ...asRecord(kept[key]), ...value } : value];
  });
  return { ...kept, ...(action === null ? {} : { action }), ...Object.fromEntries(laid) };
}
