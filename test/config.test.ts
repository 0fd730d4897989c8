import { describe, expect, it } from "vitest";
import { type Config, type ConfigSources, configSchema, resolveConfig } from "../src/config.ts";
import { ConfigError } from "../src/errors.ts";

const resolve = (given: Partial<ConfigSources>): ReturnType<typeof resolveConfig> =>
  resolveConfig({ flags: {}, file: null, environment: {}, ...given });
const file = (value: unknown): ConfigSources["file"] => ({ name: "config.json", text: JSON.stringify(value) });
const messageOf = (given: Partial<ConfigSources>): string => {
  try {
    resolve(given);
  } catch (error) {
    if (error instanceof ConfigError) return `${error.code} ${error.userMessage}`;
    throw error;
  }
  return "accepted";
};

describe("resolveConfig", () => {
  it("has defaults for everything and asks no model", () => {
    expect(resolve({})).toMatchObject({
      model_str_code: "builtin/extract",
      model_str_fast: "builtin/extract",
      sandbox: "auto",
      program_network: false,
    });
  });

  it("takes the reference system's five keys as they are", () => {
    const reference = {
      model_str_code: "claude-sonnet-4-5-20250929",
      model_str_fast: "openrouter/openai/gpt-oss-120b",
      max_runtime_mins: 45,
      max_debug_iterations: 8,
      output_base_path: "output/",
    };
    expect(resolve({ file: file(reference) })).toMatchObject(reference);
    expect(Object.keys(configSchema().properties ?? {})).toEqual(expect.arrayContaining(Object.keys(reference)));
  });

  it("prefers flag to file to environment to default", () => {
    const environment = { CODEDISTILLER_MAX_RUNTIME_MINS: "3", CODEDISTILLER_MAX_DEBUG_ITERATIONS: "3" };
    const given = file({ max_runtime_mins: 2, max_memory_mb: 512 });
    const config = resolve({ flags: { max_runtime_mins: 1, focus: undefined }, file: given, environment });
    expect(config).toMatchObject({ max_runtime_mins: 1, max_debug_iterations: 3, max_memory_mb: 512, focus: null });
    expect(resolve({ file: given, environment })).toMatchObject({ max_runtime_mins: 2 });
  });

  it("lets the fast and the judging model follow the other one", () => {
    const followed = { model_str_fast: "m", model_str_judge: "m" };
    expect(resolve({ flags: { model_str_code: "m" } })).toMatchObject(followed);
    const environment = { CODEDISTILLER_MODEL_STR_JUDGE: "n" };
    expect(resolve({ flags: { model_str_code: "m" }, environment }).model_str_judge).toBe("n");
  });

  it("takes prices of models from a file, and as JSON from the environment", () => {
    const prices = { "compatible/mine": { input: 1, output: 2.5, cache_read: 0 } };
    const environment = { CODEDISTILLER_PRICES: JSON.stringify(prices) };
    expect(resolve({ environment }).prices).toEqual(prices);
    expect(resolve({ file: file({ prices }) }).prices).toEqual(prices);
    expect(messageOf({ environment: { CODEDISTILLER_PRICES: "cheap" } })).toMatch(
      /^config-wrong-type environment variable CODEDISTILLER_PRICES: .*expected record/,
    );
    expect(messageOf({ environment: { CODEDISTILLER_PRICES: '{"Mine": {"input": -1, "output": 1}}' } })).toMatch(
      /environment variable CODEDISTILLER_PRICES: Mine: input: Too small/,
    );
    expect(messageOf({ file: file({ prices: { mine: { input: 1, output: 1, cached: 1 } } }) })).toBe(
      'config-unknown-key config.json: prices.mine: unknown key "cached". ' +
        "Known keys: input, output, cache_read, cache_write.",
    );
  });

  it("takes the address of a model's API, and bounds how much is asked at one time", () => {
    expect(resolve({})).toMatchObject({
      model_base_url: null,
      max_context_tokens: 24_000,
      model_concurrency: 16,
      model_tokens_per_minute: null,
    });
    const environment = {
      CODEDISTILLER_MODEL_BASE_URL: "http://localhost:8000/v1",
      CODEDISTILLER_MODEL_TOKENS_PER_MINUTE: "30000",
    };
    expect(resolve({ environment })).toMatchObject({
      model_base_url: "http://localhost:8000/v1",
      model_tokens_per_minute: 30_000,
    });
    expect(messageOf({ flags: { model_base_url: "file:///etc/passwd" } })).toMatch(/model_base_url/);
    expect(messageOf({ flags: { model_base_url: "localhost" } })).toMatch(/model_base_url/);
    expect(messageOf({ flags: { model_concurrency: 0 } })).toMatch(/model_concurrency/);
  });

  it("names the nearest known key for an unknown one", () => {
    expect(messageOf({ file: file({ max_runtime_min: 3 }) })).toBe(
      'config-unknown-key config.json: unknown key "max_runtime_min". Did you mean "max_runtime_mins"?',
    );
    expect(messageOf({ file: file({ zzzzzzzzzzzzzzzzzzzzzzzzzz: 3 }) })).toMatch(/Known keys: model_str_code/);
  });

  it("refuses values of the wrong type and out of bounds, and says which", () => {
    expect(messageOf({ file: file({ max_debug_iterations: "8" }) })).toMatch(
      /^config-wrong-type config\.json: max_debug_iterations: /,
    );
    expect(messageOf({ file: file({ sandbox: "docker" }) })).toMatch(/sandbox/);
    expect(messageOf({ file: file({ max_runtime_mins: -1 }) })).toMatch(/max_runtime_mins/);
    expect(messageOf({ file: file([]) })).toMatch(/^config-wrong-type config\.json/);
    expect(messageOf({ file: file(null) })).toMatch(/^config-wrong-type config\.json/);
    expect(messageOf({ environment: { CODEDISTILLER_MAX_MEMORY_MB: "much" } })).toMatch(
      /environment variable CODEDISTILLER_MAX_MEMORY_MB: /,
    );
    expect(messageOf({ flags: { max_cost_usd: Number.NaN } })).toMatch(/max_cost_usd/);
  });

  it("says in one line that a file is not JSON", () => {
    const message = messageOf({ file: { name: "config.json", text: "{\n'a': 1}" } });
    expect(message).toMatch(/^config-not-json config\.json is not valid JSON: /);
  });

  it("chooses the models by the key that is set where nobody names one", () => {
    const models = ({ model_str_code, model_str_fast, model_str_judge }: Config): string[] => [
      model_str_code,
      model_str_fast,
      model_str_judge,
    ];
    const environment = { OPENAI_API_KEY: "sk-openai", ANTHROPIC_API_KEY: "sk-ant" };
    expect(models(resolve({ environment }))).toEqual([
      "claude-sonnet-4-6",
      "claude-haiku-4-5-20251001",
      "claude-sonnet-4-6",
    ]);
    expect(models(resolve({ environment: { OPENAI_API_KEY: "sk-openai" } }))[0]).toBe("gpt-5-2025-08-07");
    expect(models(resolve({ environment, flags: { model_str_code: "builtin/extract" } }))).toEqual(
      Array(3).fill("builtin/extract"),
    );
  });

  it("ignores variables that are empty or not its own, and the file's $schema", () => {
    const environment = { CODEDISTILLER_SANDBOX: "", ANTHROPIC_API_KEY: " ", CODEDISTILLER_OTHER: "x" };
    expect(resolve({ environment, file: file({ $schema: "./schema.json" }) })).toEqual(resolve({}));
  });
});
