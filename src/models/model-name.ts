import { extractiveModel } from "../config.ts";
import { ConfigError } from "../errors.ts";

export type ProviderKind =
  | "anthropic"
  | "openai"
  | "openrouter"
  | "ollama"
  | "lm_studio"
  | "hosted_vllm"
  | "compatible";

export type ModelAddress =
  | { kind: ProviderKind; model: string }
  | { kind: "command"; program: string; args: string[] }
  | { kind: "replay"; file: string };

export interface Provider {
  /** For people. */
  title: string;
  /** Null where there is none to give. */
  keyVariable: string | null;
  keyRequired: boolean;
  /** Variables that say where it is, strongest first. */
  baseUrlVariables: readonly string[];
  /** Null where somebody has to say it. */
  baseUrl: string | null;
}

export const providers: Readonly<Record<ProviderKind, Provider>> = {
  anthropic: {
    title: "Anthropic",
    keyVariable: "ANTHROPIC_API_KEY",
    keyRequired: true,
    baseUrlVariables: ["ANTHROPIC_BASE_URL"],
    baseUrl: "https://api.anthropic.com",
  },
  openai: {
    title: "OpenAI",
    keyVariable: "OPENAI_API_KEY",
    keyRequired: true,
    baseUrlVariables: ["OPENAI_BASE_URL"],
    baseUrl: "https://api.openai.com/v1",
  },
  openrouter: {
    title: "OpenRouter",
    keyVariable: "OPENROUTER_API_KEY",
    keyRequired: true,
    baseUrlVariables: ["OPENROUTER_BASE_URL"],
    baseUrl: "https://openrouter.ai/api/v1",
  },
  ollama: {
    title: "Ollama",
    keyVariable: null,
    keyRequired: false,
    baseUrlVariables: ["OLLAMA_API_BASE", "OLLAMA_HOST"],
    baseUrl: "http://localhost:11434/v1",
  },
  lm_studio: {
    title: "LM Studio",
    keyVariable: "COMPATIBLE_API_KEY",
    keyRequired: false,
    baseUrlVariables: ["LM_STUDIO_API_BASE"],
    baseUrl: "http://localhost:1234/v1",
  },
  hosted_vllm: {
    title: "vLLM",
    keyVariable: "COMPATIBLE_API_KEY",
    keyRequired: false,
    baseUrlVariables: ["HOSTED_VLLM_API_BASE"],
    baseUrl: "http://localhost:8000/v1",
  },
  compatible: {
    title: "The endpoint",
    keyVariable: "COMPATIBLE_API_KEY",
    keyRequired: false,
    baseUrlVariables: [],
    baseUrl: null,
  },
};

/** Reads a model as LiteLLM writes it; throws ConfigError `model-unknown-provider` for any other text. */
export function parseModelName(text: string): ModelAddress {
  const name = text.trim();
  const kind = plainNames.find(([pattern]) => pattern.test(name))?.[1];
  if (kind !== undefined) return { kind, model: name };
  const slash = name.indexOf("/");
  const prefix = name.slice(0, Math.max(slash, 0));
  const rest = name.slice(slash + 1).trim();
  if (rest === "" || /\p{Cc}/u.test(name)) throw unknownProvider(text);
  if (prefix === "command") return { kind: "command", ...parseCommand(rest) };
  if (prefix === "replay") return { kind: "replay", file: rest };
  const provider = prefixes.get(prefix);
  if (provider === undefined) throw unknownProvider(text);
  return { kind: provider, model: rest };
}

/**
 * Whether a model's calls cost money that has to be known beforehand. Whoever runs a model for others gives them a key.
 * Throws ConfigError as `parseModelName` does.
 */
export function isBilled(name: string, environment: Readonly<Record<string, string | undefined>>): boolean {
  if (name === extractiveModel) return false;
  const { kind } = parseModelName(name);
  if (kind === "compatible") return Boolean(environment.COMPATIBLE_API_KEY?.trim());
  return kind === "anthropic" || kind === "openai" || kind === "openrouter";
}

/** Models that are known by their names alone. */
const plainNames: ReadonlyArray<[RegExp, ProviderKind]> = [
  [/^claude-[^/\s]+$/, "anthropic"],
  [/^(gpt-|chatgpt-|o[134])[^/\s]*$/, "openai"],
];

const prefixes: ReadonlyMap<string, ProviderKind> = new Map([
  ["anthropic", "anthropic"],
  ["openai", "openai"],
  ["openrouter", "openrouter"],
  ["ollama", "ollama"],
  ["ollama_chat", "ollama"],
  ["lm_studio", "lm_studio"],
  ["hosted_vllm", "hosted_vllm"],
  ["compatible", "compatible"],
]);

function unknownProvider(text: string): ConfigError {
  const known = [
    "builtin/extract",
    "claude-...",
    "gpt-...",
    "o1..., o3..., o4...",
    ...[...prefixes.keys()].map((prefix) => `${prefix}/<model>`),
    "command/<program with arguments>",
    "replay/<file>",
  ];
  return new ConfigError({
    code: "model-unknown-provider",
    userMessage: `The model ${JSON.stringify(text)} is of no known provider. Known: ${known.join(", ")}.`,
  });
}

function parseCommand(text: string): { program: string; args: string[] } {
  const [program, ...args] = splitWords(text);
  if (!program) throw badCommand(text);
  return { program, args };
}

/** Words as a shell splits them, with quotes and backslashes, and nothing else of a shell's. */
function splitWords(text: string): string[] {
  const word = /(?:[^\s"'\\]|\\.|'[^']*'|"(?:[^"\\]|\\.)*")+/gs;
  if (text.replace(word, "").trim() !== "") throw badCommand(text);
  return (text.match(word) ?? []).map(unquote);
}

function unquote(word: string): string {
  return word.replace(
    /\\(.)|'([^']*)'|"((?:[^"\\]|\\.)*)"/gs,
    (_, escaped: string | undefined, single: string | undefined, double: string | undefined) =>
      escaped ?? single ?? double?.replace(/\\(["\\])/g, "$1") ?? "",
  );
}

function badCommand(text: string): ConfigError {
  return new ConfigError({
    code: "model-command-unreadable",
    userMessage: `The command ${JSON.stringify(text)} of --model cannot be split into words: check its quotes.`,
  });
}
