import { DistillerError } from "../errors.ts";
import type { AppContext } from "../jobs/app-context.ts";
import type { Delivery } from "../jobs/queue.ts";
import { handlers } from "./handlers.ts";

/**
 * Does what a delivery asks for. Throws where it should be tried again; then nothing that was said is said twice. What no
 * further try can mend is kept for the operator at once.
 */
export async function handleDelivery(delivery: Delivery, again: boolean, context: AppContext): Promise<void> {
  const { id, event, payload } = delivery;
  const handler = handlers.find(({ name }) => name === event);
  if (!handler) throw new Error(`There is no handler named ${event}.`);
  const log = context.log.child({ delivery: id, handler: event });
  try {
    await handler.handle(payload, { ...context, log, deliveryId: id, again });
  } catch (error) {
    log.error({ error: error instanceof Error ? error.message : String(error) }, "delivery not handled");
    if (!(error instanceof DistillerError) || error.retryable) throw error;
    await context.queue.bury({ what: `webhook ${id} (${event})`, error: error.userMessage, data: delivery });
  }
}
