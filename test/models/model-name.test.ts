import { describe, expect, it } from "vitest";
import { ConfigError } from "../../src/errors.ts";
import { parseModelName } from "../../src/models/model-name.ts";

describe("parseModelName", () => {
  it.each([
    ["claude-sonnet-4-5-20250929", { kind: "anthropic", model: "claude-sonnet-4-5-20250929" }],
    ["anthropic/claude-opus-4-5", { kind: "anthropic", model: "claude-opus-4-5" }],
    ["gpt-5-2025-08-07", { kind: "openai", model: "gpt-5-2025-08-07" }],
    ["chatgpt-4o-latest", { kind: "openai", model: "chatgpt-4o-latest" }],
    ["o1", { kind: "openai", model: "o1" }],
    ["o3-mini", { kind: "openai", model: "o3-mini" }],
    ["o4-mini", { kind: "openai", model: "o4-mini" }],
    ["openai/gpt-4.1", { kind: "openai", model: "gpt-4.1" }],
    ["openrouter/openai/gpt-oss-120b", { kind: "openrouter", model: "openai/gpt-oss-120b" }],
    ["ollama/qwen3:8b", { kind: "ollama", model: "qwen3:8b" }],
    ["ollama_chat/qwen3:8b", { kind: "ollama", model: "qwen3:8b" }],
    ["lm_studio/gemma", { kind: "lm_studio", model: "gemma" }],
    ["hosted_vllm/meta-llama/Llama-3", { kind: "hosted_vllm", model: "meta-llama/Llama-3" }],
    ["compatible/some/model", { kind: "compatible", model: "some/model" }],
    ["replay/recordings/run.jsonl", { kind: "replay", file: "recordings/run.jsonl" }],
    ["replay//tmp/run.jsonl", { kind: "replay", file: "/tmp/run.jsonl" }],
    ["  gpt-5 ", { kind: "openai", model: "gpt-5" }],
  ])("reads %s", (text, address) => {
    expect(parseModelName(text)).toEqual(address);
  });

  it.each([
    ["command/llm", "llm", []],
    ["command/llm -m  gpt", "llm", ["-m", "gpt"]],
    ["command//usr/bin/llm 'two words' \"and \\\"quotes\\\"\" ''", "/usr/bin/llm", ["two words", 'and "quotes"', ""]],
    ["command/run a\\ b --x='c d'", "run", ["a b", "--x=c d"]],
    ["command/echo $HOME; true | `x`", "echo", ["$HOME;", "true", "|", "`x`"]],
  ])("splits %s into words, and does nothing else of a shell's", (text, program, args) => {
    expect(parseModelName(text)).toEqual({ kind: "command", program, args });
  });

  it.each(["", "gemini-pro", "builtin/extract", "anthropic/", "mistral/x", "constructor/x", "ollama/a\u0000b", "/x"])(
    "does not know %j and lists what it knows, in one line",
    (text) => {
      const error = thrownBy(() => parseModelName(text));
      expect(error).toBeInstanceOf(ConfigError);
      expect(error).toMatchObject({ code: "model-unknown-provider" });
      expect(error.userMessage).toMatch(/claude-.*gpt-.*openrouter\/<model>.*command\//);
      expect(error.userMessage).not.toContain("\n");
    },
  );

  it.each(["command/llm 'open", 'command/llm "open', "command/''"])("refuses the command of %s", (text) => {
    expect(thrownBy(() => parseModelName(text))).toMatchObject({ code: "model-command-unreadable" });
  });
});

function thrownBy(action: () => unknown): ConfigError {
  try {
    action();
  } catch (error) {
    return error as ConfigError;
  }
  throw new Error("Nothing was thrown.");
}
