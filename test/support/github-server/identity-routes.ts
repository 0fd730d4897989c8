import type { GitHub } from "./answer.ts";
import { type Answer, type Ask, actingLogin, asRecord, refuse } from "./exchange.ts";

const viewer = /^\s*(query(\s+\w+)?\s*)?\{\s*viewer\s*\{\s*login\s*\}\s*\}\s*$/;

/** Who a token is: people ask `GET /user`, bots have only GraphQL for it. Null where it is something else. */
export function identityRoute({ state }: GitHub, { method, path, body, caller }: Ask): Answer | null {
  const byPerson = caller.kind === "user";
  if (path === "/user" && !byPerson) {
    return caller.kind === "nobody"
      ? refuse(401, "Requires authentication")
      : refuse(403, "Resource not accessible by integration");
  }
  if (method !== "POST" || !/^\/(api\/)?graphql$/.test(path)) return null;
  if (caller.kind === "nobody") return refuse(401, "This endpoint requires you to be authenticated.");
  if (caller.kind === "app") return refuse(403, "Resource not accessible by integration");
  const { query } = asRecord(body);
  if (typeof query !== "string" || !viewer.test(query)) return refuse(400, "This query is not answered here.");
  return { status: 200, body: { data: { viewer: { login: actingLogin(state, caller) } } } };
}
