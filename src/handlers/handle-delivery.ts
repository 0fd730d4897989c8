import type { AppContext } from "../jobs/app-context.ts";
import type { Delivery } from "../jobs/queue.ts";
import { handlers } from "./handlers.ts";

/** Does what a delivery asks for. Throws where it should be tried again; then nothing that was said is said twice. */
export async function handleDelivery(delivery: Delivery, again: boolean, context: AppContext): Promise<void> {
  const handler = handlers.find(({ name }) => name === delivery.event);
  if (!handler) throw new Error(`There is no handler named ${delivery.event}.`);
  const log = context.log.child({ delivery: delivery.id, handler: delivery.event });
  await handler.handle(delivery.payload, { ...context, log, deliveryId: delivery.id, again });
}
