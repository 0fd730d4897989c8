import { type Answer, type RepositoryAsk, refuse } from "./exchange.ts";
import { roleOf } from "./repository-routes.ts";

/** What GitHub refuses before it looks at the request itself; null where it goes on. */
export function checkAccess(ask: RepositoryAsk): Answer | null {
  const { caller, repository } = ask;
  const reading = ask.method === "GET" || ask.method === "HEAD";
  const hidden = repository.seed.private === true;
  if (caller.kind === "nobody" && hidden) return refuse(404, "Not Found");
  if (caller.kind === "user" && hidden && roleOf(repository, caller.login) === "none") return refuse(404, "Not Found");
  if (caller.kind === "installation") {
    if (caller.installation.suspended) return refuse(403, "This installation has been suspended");
    const has = caller.installation.repositories.has(repository.id);
    if (!has && hidden) return refuse(404, "Not Found");
    if (!has && !reading) return refuse(403, "Resource not accessible by integration");
    if (!reading && repository.seed.writable === false && needsContents(ask.rest)) {
      return refuse(403, "Resource not accessible by integration");
    }
  }
  if (caller.kind === "app" && ask.rest !== "/installation") {
    return refuse(403, "Resource not accessible by integration");
  }
  if (repository.seed.disabled) {
    const block = { reason: "tos", created_at: "2026-01-01T00:00:00Z", html_url: "https://github.com/contact" };
    return refuse(403, "Repository access blocked", { block });
  }
  const unarchives = ask.method === "PATCH" && ask.rest === "";
  if (repository.archived && !reading && !unarchives) return refuse(403, "Repository was archived so is read-only.");
  return checkProtection(ask);
}

function needsContents(rest: string): boolean {
  return /^\/(git|contents|pulls)(\/|$)/.test(rest);
}

function checkProtection({ method, rest, body, repository }: RepositoryAsk): Answer | null {
  if (method === "GET" || !rest.startsWith("/git/refs")) return null;
  const named = (body as { ref?: string } | undefined)?.ref ?? decodeURIComponent(rest.slice("/git/".length));
  const branch = named.replace(/^refs\/heads\//, "");
  const isThere = repository.branches.has(branch) || method === "POST";
  // The emulator says 404.
  if (!isThere) return refuse(422, "Reference does not exist");
  if (!repository.protectedBranches.has(branch)) return null;
  return refuse(422, "Repository rule violations found\n\nChanges must be made through a pull request.\n\n");
}
