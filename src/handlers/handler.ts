import { z } from "zod";
import type { AppSettings } from "../app-settings.ts";
import type { AppContext } from "../jobs/app-context.ts";

export interface HandlerContext extends AppContext {
  deliveryId: string;
  /** Whether this delivery was begun before: what it says may have been said already. */
  again: boolean;
}

/** What is done about one kind of event. */
export interface Handler {
  name: string;
  event: "issue_comment" | "issues" | "installation" | "installation_repositories" | "pull_request" | "repository";
  /** The part of a payload that is kept, or null where there is nothing to do. Asked before GitHub is answered: it must be quick. */
  select: (payload: unknown, settings: AppSettings) => unknown;
  handle: (payload: unknown, context: HandlerContext) => Promise<void>;
}

interface HandlerDefinition<P> {
  name: string;
  event: Handler["event"];
  actions: readonly string[];
  payload: z.ZodType<P>;
  wants?: (payload: P, settings: AppSettings) => boolean;
  handle: (payload: P, context: HandlerContext) => Promise<void>;
}

const Action = z.object({ action: z.string() });

export function defineHandler<P>({ name, event, actions, payload, wants, handle }: HandlerDefinition<P>): Handler {
  return {
    name,
    event,
    select: (given, settings) => {
      const action = Action.safeParse(given);
      if (!action.success || !actions.includes(action.data.action)) return null;
      const parsed = payload.safeParse(given);
      if (!parsed.success) return null;
      return wants === undefined || wants(parsed.data, settings) ? parsed.data : null;
    },
    handle: (given, context) => handle(payload.parse(given), context),
  };
}

const Login = z.string().max(100);

/** What webhooks say, as far as handlers use it. */
export const Sender = z.object({ login: Login, type: z.string().max(20) });
export const Repository = z.object({
  id: z.number().int(),
  name: z.string().max(200),
  owner: z.object({ login: Login }),
  private: z.boolean(),
});
export type Repository = z.infer<typeof Repository>;
export const InstallationId = z.object({ id: z.number().int() });
