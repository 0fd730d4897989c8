import { afterEach, describe, expect, it, vi } from "vitest";
import { maskSecrets } from "../../src/action/mask-secrets.ts";

function masksOf(environment: Record<string, string>): string[] {
  const write = vi.spyOn(process.stdout, "write").mockReturnValue(true);
  maskSecrets(environment);
  return write.mock.calls.map(([text]) => String(text).replace(/^::add-mask::(.*)\n$/s, "$1"));
}

describe("masks", () => {
  afterEach(() => void vi.restoreAllMocks());

  it("are asked for keys, the token, and the header that git is given of it", () => {
    const keys = {
      ANTHROPIC_API_KEY: "anthropic-key",
      OPENAI_API_KEY: "openai-key",
      OPENROUTER_API_KEY: "openrouter-key",
      COMPATIBLE_API_KEY: "compatible-key",
      MODAL_TOKEN_ID: "modal-id",
      MODAL_TOKEN_SECRET: "modal-secret",
    };
    const header = Buffer.from("x-access-token:ghs_token").toString("base64");
    expect(masksOf({ ...keys, "INPUT_GITHUB-TOKEN": "ghs_token" }).sort()).toEqual(
      [...Object.values(keys), "ghs_token", header].sort(),
    );
  });

  it("hide each line of a key, once, without the blanks that a secret was pasted with", () => {
    expect(masksOf({ OPENAI_API_KEY: " first line\r\nsecond\n\n", ANTHROPIC_API_KEY: "second" }).sort()).toEqual([
      "first line",
      "second",
    ]);
  });

  it("are not asked for nothing, nor for letters that every word has", () => {
    expect(masksOf({ OPENAI_API_KEY: "", ANTHROPIC_API_KEY: "abc", "INPUT_GITHUB-TOKEN": "" })).toEqual([]);
  });
});
