import { extractiveModel, modelsByKey } from "../config.ts";
import { ConfigError } from "../errors.ts";
import { createAnthropicClient } from "./anthropic.ts";
import { createCommandClient } from "./command.ts";
import type { ModelClient } from "./model.ts";
import {
  isBilled,
  type ModelAddress,
  type Provider,
  type ProviderKind,
  parseModelName,
  providers,
} from "./model-name.ts";
import { createOpenAiChatClient } from "./openai-chat.ts";
import { createOpenAiResponsesClient } from "./openai-responses.ts";
import type { ProviderContact } from "./provider-errors.ts";
import { hostedStreamLimits, localStreamLimits, type StreamLimits } from "./watch-stream.ts";

export interface ModelClientOptions {
  /** As in the configuration. */
  name: string;
  environment: Readonly<Record<string, string | undefined>>;
  /**
   * `model_base_url` of the configuration: where a `compatible/` model is. Never used for another provider, whose key
   * would go there.
   */
  baseUrl: string | null;
  /** Other limits than the provider's usual ones. */
  limits?: StreamLimits | undefined;
}

/**
 * The adapter for a model that is asked anew; recordings are not among them. Throws ConfigError: `model-unknown-provider`,
 * `model-key-missing`, `model-key-malformed`, `model-base-url-missing`, `model-base-url-malformed`.
 */
export function createModelClient(options: ModelClientOptions): ModelClient {
  const address = parseModelName(options.name);
  const { name, environment } = options;
  if (address.kind === "replay") throw new Error("A recording is replayed by another client.");
  if (address.kind === "command") {
    return createCommandClient({ name, program: address.program, args: address.args, environment });
  }
  return createProviderClient(address, options);
}

type ProviderAddress = Extract<ModelAddress, { model: string }>;

function createProviderClient({ kind, model }: ProviderAddress, options: ModelClientOptions): ModelClient {
  const { name, environment } = options;
  const { title, keyVariable } = providers[kind];
  const key = readKey(kind, environment);
  const contact: ProviderContact = { title, model, baseUrl: findBaseUrl(kind, options), keyVariable, key };
  const billed = isBilled(name, environment);
  const limits = options.limits ?? (localKinds.has(kind) ? localStreamLimits : hostedStreamLimits);
  if (kind === "anthropic") return createAnthropicClient({ name, billed, contact: withKey(contact), limits });
  if (kind === "openai") {
    const account = {
      organization: environment.OPENAI_ORG_ID?.trim() || null,
      project: environment.OPENAI_PROJECT_ID?.trim() || null,
    };
    return createOpenAiResponsesClient({ name, billed, contact: withKey(contact), account, limits });
  }
  return createOpenAiChatClient({
    name,
    provider: kind === "openrouter" ? kind : contact.baseUrl,
    billed,
    contact,
    marksCache: kind === "openrouter" && model.startsWith("anthropic/"),
    limits,
  });
}

const localKinds: ReadonlySet<ProviderKind> = new Set(["ollama", "lm_studio", "hosted_vllm", "compatible"]);

function readKey(kind: ProviderKind, environment: ModelClientOptions["environment"]): string | null {
  const { keyVariable, keyRequired } = providers[kind];
  if (keyVariable === null) return null;
  const key = environment[keyVariable]?.trim() ?? "";
  if (key === "" && keyRequired) throw keyMissing(keyVariable, environment);
  // Any other character cannot stand in a header, and the error that says so would show the key.
  if (!/^[\x21-\x7e]*$/.test(key)) {
    throw new ConfigError({
      code: "model-key-malformed",
      userMessage: `${keyVariable} holds characters that no key has (spaces, line breaks, other alphabets): copy it again.`,
    });
  }
  return key || null;
}

function keyMissing(keyVariable: string, environment: ModelClientOptions["environment"]): ConfigError {
  const others = Object.entries(modelsByKey)
    .filter(([variable]) => variable !== keyVariable && environment[variable]?.trim())
    .map(([variable, { model_str_code }]) => `--model ${model_str_code}, whose ${variable} is set`);
  const ways = [...others, `--model ${extractiveModel}, which needs none`].join(", or ");
  return new ConfigError({
    code: "model-key-missing",
    userMessage: `${keyVariable} is not set. Set it, or use ${ways}.`,
  });
}

function withKey(contact: ProviderContact): ProviderContact & { key: string } {
  const { key } = contact;
  if (key === null) throw new Error(`${contact.title} needs a key.`);
  return { ...contact, key };
}

function findBaseUrl(kind: ProviderKind, { environment, baseUrl }: ModelClientOptions): string {
  const provider: Provider = providers[kind];
  const variable = provider.baseUrlVariables.find((name) => environment[name]?.trim());
  const source = kind === "compatible" ? "model_base_url" : (variable ?? "");
  const given = kind === "compatible" ? baseUrl?.trim() : variable && environment[variable]?.trim();
  const text = given || provider.baseUrl;
  if (!text) {
    throw new ConfigError({
      code: "model-base-url-missing",
      userMessage:
        "A compatible/ model needs model_base_url: set it to the endpoint's address, such as http://localhost:8080/v1.",
    });
  }
  const url = URL.parse(kind === "ollama" ? readOllamaHost(text) : text);
  if (url === null || !/^https?:$/.test(url.protocol) || url.username || url.password || url.search || url.hash) {
    throw new ConfigError({
      code: "model-base-url-malformed",
      userMessage: `${source} is not the address of an endpoint: write http:// or https://, a host and a path, without a user or a query.`,
    });
  }
  return url.href.replace(/\/+$/, "");
}

/** Ollama's variables hold a host, with or without scheme and port, and no path; 0.0.0.0 is where its server listens. */
function readOllamaHost(text: string): string {
  const hasScheme = /^https?:\/\//.test(text);
  const url = URL.parse(hasScheme ? text : `http://${text}`);
  if (url === null) return text;
  if (!hasScheme && url.port === "" && !/:80$/.test(text)) url.port = "11434";
  if (url.hostname === "0.0.0.0") url.hostname = "127.0.0.1";
  if (url.pathname === "/") url.pathname = "/v1";
  return url.href;
}
