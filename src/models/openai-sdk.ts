import { OpenAI } from "openai";
import type { ProviderContact } from "./provider-errors.ts";
import type { WatchedConnection } from "./watch-stream.ts";

export interface OpenAiAccount {
  organization: string | null;
  project: string | null;
}

/** Everything is passed, so that the SDK takes nothing from the environment, retries nothing and reports nothing. */
export function createOpenAiSdk(
  { baseUrl, key }: ProviderContact,
  { fetch }: WatchedConnection,
  { organization, project }: OpenAiAccount = { organization: null, project: null },
): OpenAI {
  return new OpenAI({
    // The SDK insists on a key, also for servers that want none.
    apiKey: key ?? "none",
    ...(key === null ? { defaultHeaders: { Authorization: null } } : {}),
    adminAPIKey: null,
    webhookSecret: null,
    organization,
    project,
    baseURL: baseUrl,
    fetch: withReadableErrors(fetch),
    maxRetries: 0,
    timeout: 60 * 60_000,
    logLevel: "off",
  });
}

/** The SDK reads of an error's body only what stands under `error`; vLLM and FastAPI have other words. */
function withReadableErrors(fetch: WatchedConnection["fetch"]): WatchedConnection["fetch"] {
  return async (input, init) => {
    const response = await fetch(input, init);
    if (response.ok || response.body === null) return response;
    const text = await response.text();
    return new Response(isBareObject(text) ? `{"error":${text}}` : text, response);
  };
}

function isBareObject(text: string): boolean {
  try {
    const body: unknown = JSON.parse(text);
    return typeof body === "object" && body !== null && !("error" in body);
  } catch {
    return false;
  }
}
