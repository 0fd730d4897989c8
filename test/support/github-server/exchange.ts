import type { InstallationState, RepositoryState, WorkflowGrant } from "./state.ts";

/** Who asks: the app with its own key, the app as an installation, a workflow, a person, or nobody. */
export type Caller =
  | { kind: "app"; authorization: string }
  | { kind: "installation"; authorization: string; installation: InstallationState }
  | { kind: "workflow"; authorization: string; login: string; grant: WorkflowGrant }
  /** `outside`: by a token over HTTP, not by the test itself. */
  | { kind: "user"; authorization: string; login: string; outside?: boolean }
  | { kind: "nobody" };

export interface Ask {
  method: string;
  /** Without the query. */
  path: string;
  query: URLSearchParams;
  accept: string;
  /** Parsed JSON; undefined where there is none. */
  body: unknown;
  caller: Caller;
}

export interface Answer {
  status: number;
  /** JSON, or bytes as they are; undefined for none. */
  body: unknown;
  headers?: Record<string, string>;
}

export interface RepositoryAsk extends Ask {
  repository: RepositoryState;
  /** The path below `/repos/<owner>/<name>`. */
  rest: string;
}

/** Whose name stands at what the caller writes. */
export function actingLogin({ appSlug }: { appSlug: string }, caller: Caller): string {
  return caller.kind === "user" || caller.kind === "workflow" ? caller.login : `${appSlug}[bot]`;
}

/** An error as GitHub words it. */
export function refuse(status: number, message: string, more: Record<string, unknown> = {}): Answer {
  return {
    status,
    body: { message, ...more, documentation_url: "https://docs.github.com/rest", status: String(status) },
  };
}

/** 422 with GitHub's list of what is wrong. */
export function refuseInvalid(error: Record<string, unknown>): Answer {
  return refuse(422, "Validation Failed", { errors: [error] });
}

export function asRecord(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}

/** An answer's object; an error where GitHub did not say what was expected. */
export function expectObject(
  answer: Answer,
  what: string,
  statuses: readonly number[] = [200, 201],
): Record<string, unknown> {
  if (!statuses.includes(answer.status)) {
    throw new Error(`${what}: ${answer.status} ${JSON.stringify(answer.body)}`);
  }
  return asRecord(answer.body);
}
