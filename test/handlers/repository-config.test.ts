import { describe, expect, it } from "vitest";
import { AppSettings } from "../../src/app-settings.ts";
import { type Config, resolveConfig } from "../../src/config.ts";
import { ConfigError } from "../../src/errors.ts";
import type { CommandSettings } from "../../src/handlers/command.ts";
import { type MergedSettings, mergeSettings, parseRepositoryConfig } from "../../src/handlers/repository-config.ts";

const messageOf = (text: string): string => {
  try {
    parseRepositoryConfig(text);
  } catch (error) {
    if (error instanceof ConfigError) return error.userMessage;
    throw error;
  }
  return "accepted";
};
const allowedKeys =
  "Allowed keys: enabled, new_installations, allow_users, deny_users, focus, ref, subdirectory, max_cost_usd, " +
  "max_debug_iterations, max_runtime_mins, model_str_code, model_str_fast, model_str_judge.";

describe("parseRepositoryConfig", () => {
  it("reads every key", () => {
    const text = `# Ours\r
enabled: true
new_installations: false
allow_users: [Marit, "kari"]
deny_users:
  - ola
focus: >
  two
  orbits
ref: release/2
subdirectory: src/orbits
max_cost_usd: 0.5
max_debug_iterations: 3
max_runtime_mins: 2.5
model_str_code: gpt-5
model_str_fast: gpt-5-mini
model_str_judge: builtin/extract
`;
    expect(parseRepositoryConfig(text)).toEqual({
      enabled: true,
      new_installations: false,
      allow_users: ["Marit", "kari"],
      deny_users: ["ola"],
      focus: "two orbits",
      ref: "release/2",
      subdirectory: "src/orbits",
      max_cost_usd: 0.5,
      max_debug_iterations: 3,
      max_runtime_mins: 2.5,
      model_str_code: "gpt-5",
      model_str_fast: "gpt-5-mini",
      model_str_judge: "builtin/extract",
    });
  });

  it.each(["", "# nothing\n", "---\n", "focus:\n", "\ufeff{}"])("takes the defaults from %j", (text) =>
    expect(parseRepositoryConfig(text)).toEqual({
      enabled: true,
      new_installations: true,
      allow_users: null,
      deny_users: [],
    }),
  );

  it.each([
    ["enabled: true\nsandbox: none\n", /line 2: "sandbox" is no key that may stand here/],
    ["\n\nimage: x", /line 3: "image" is no key/],
    ["__proto__: {enabled: false}", /line 1: a value has to be a word, a number or a list of words/],
    ["__proto__: 1", /line 1: "__proto__" is no key/],
    ["ref: main\n\nref: other", /line 3: "ref" stands there twice/],
    ["enabled: yes", /line 1: enabled: Invalid input: expected boolean/],
    ["# a\nmax_cost_usd: much", /line 2: max_cost_usd: has to be a number of US dollars/],
    ["max_cost_usd: -1", /max_cost_usd: has to be 0 or more/],
    ["max_cost_usd: .nan", /max_cost_usd: has to be a number/],
    ["max_debug_iterations: 1.5", /max_debug_iterations: /],
    ["ref: ../x", /ref: cannot be the name of a branch/],
    ["subdirectory: ../x", /subdirectory: has to be a folder's path/],
    ["deny_users: ola", /deny_users: /],
    ["deny_users: [1]", /deny_users: /],
    ["allow_users: [[ola]]", /a value has to be/],
    ["focus: {a: b}", /line 1: a value has to be/],
    ["- enabled", /it has to hold keys and values/],
    ["enabled", /it has to hold keys and values/],
    ["? [a]\n: b", /a key has to be a word/],
    ["1: b", /a key has to be a word/],
    ["ref: &a main\nfocus: *a", /line 2: aliases \(\*\) are not taken/],
    ["ref: main\n---\nref: x", /line 2: this is not YAML that can be read \(multiple docs\)/],
    ["ref: [main\nfocus: x", /line 2: this is not YAML/],
    ["\tref: main", /line 1: this is not YAML/],
    [`focus: ${"x".repeat(17_000)}`, /it is larger than 16 KiB/],
  ])("says the line, what is wrong, and what there is: %j", (text, problem) => {
    const message = messageOf(text);
    expect(message).toMatch(problem);
    expect(message).toMatch(/^\.github\/codedistiller\.yml[,:]/);
    expect(message.endsWith(allowedKeys)).toBe(true);
    expect(message.length).toBeLessThan(900);
  });

  it("takes no order of YAML for a value of its own", () => {
    expect(messageOf("focus: !!js/function x")).toMatch(
      /line 1: this is not YAML that can be read \(tag resolve failed\)/,
    );
    expect(messageOf("%YAML 1.1\n---\n<<: {enabled: false}")).not.toBe("accepted");
  });

  it.each(["? ", "- ? ", "[", "{a: ", "a:\n ", "]", "&a ", "a: &a [*a]\n", "- ", '"', "a: |\n", "!!map "])(
    "is not kept busy by what was made to: %j",
    (piece) => {
      const started = performance.now();
      expect(messageOf(piece.repeat(16_000 / piece.length))).not.toBe("accepted");
      expect(performance.now() - started).toBeLessThan(1500);
    },
  );

  it("is not kept busy by keys in keys that are still valid", () => {
    const started = performance.now();
    expect(messageOf(`${"? ".repeat(400)}a`)).toMatch(/a key has to be a word/);
    expect(performance.now() - started).toBeLessThan(500);
  });
});

interface Given {
  operator?: Partial<Config>;
  allowed?: string[];
  file?: string;
  said?: CommandSettings;
  other?: boolean;
}

const merge = ({ operator = {}, allowed = [], file, said, other = false }: Given): MergedSettings =>
  mergeSettings({
    operator: {
      run: resolveConfig({ flags: operator, file: null, environment: {} }),
      settings: AppSettings.parse({ allowed_models: allowed }),
    },
    repository: file === undefined ? null : parseRepositoryConfig(file),
    command: said || other ? { repository: other ? "https://github.com/a/b" : null, settings: said ?? {} } : null,
  });
const configOf = (given: Given): Partial<Config> => {
  const { config, problems } = merge(given);
  expect(problems).toEqual([]);
  return config;
};

describe("mergeSettings", () => {
  const paid = { model_str_code: "claude-sonnet-4-6" };

  it("is the operator's configuration where nobody says anything", () => {
    expect(merge({})).toEqual({ config: {}, notes: [], problems: [] });
    expect(merge({ file: "enabled: true\nmax_cost_usd: 5\nmodel_str_code: builtin/extract", said: {} })).toEqual({
      config: {},
      notes: [],
      problems: [],
    });
  });

  it("prefers the comment to the repository, and the repository to the operator", () => {
    const file = "ref: file\nfocus: of file\nmax_cost_usd: 1\nmax_runtime_mins: 3";
    expect(configOf({ file })).toEqual({ ref: "file", focus: "of file", max_cost_usd: 1, max_runtime_mins: 3 });
    expect(configOf({ file, said: { ref: "said", max_cost_usd: 2 } })).toEqual({
      ref: "said",
      focus: "of file",
      max_cost_usd: 2,
      max_runtime_mins: 3,
    });
  });

  it("lowers what is above the operator's bound, and says so", () => {
    const file = "max_debug_iterations: 100\nmax_runtime_mins: 1000";
    expect(merge({ operator: { max_cost_usd: 2 }, file, said: { max_cost_usd: 20 } })).toEqual({
      config: {},
      notes: [
        "max_cost_usd is 2 rather than 20: more is not allowed here.",
        "max_debug_iterations is 8 rather than 100: more is not allowed here.",
        "max_runtime_mins is 15 rather than 1000: more is not allowed here.",
      ],
      problems: [],
    });
  });

  it("does not look for the repository's branches and folders in another repository", () => {
    const file = "ref: develop\nsubdirectory: src\nfocus: ours\nmax_cost_usd: 1";
    expect(configOf({ file, other: true })).toEqual({ max_cost_usd: 1 });
    expect(configOf({ file, other: true, said: { ref: "v2" } })).toEqual({ ref: "v2", max_cost_usd: 1 });
  });

  it("gives only models of the operator, and lists them", () => {
    const problem = (model: string): string =>
      `The model "${model}" may not be used here. Allowed: claude-sonnet-4-6, claude-haiku-4-5-20251001, builtin/extract, gpt-5.`;
    const given = { operator: paid, allowed: ["gpt-5"] };
    expect(merge({ ...given, said: { model_str_code: "gpt-6" } }).problems).toEqual([problem("gpt-6")]);
    expect(merge({ ...given, said: { model_str_code: "command/sh -c id" } }).problems).toEqual([
      problem("command/sh -c id"),
    ]);
    expect(merge({ ...given, file: "model_str_judge: x\nmodel_str_fast: x" }).problems).toEqual([problem("x")]);
    expect(merge({ operator: {}, said: { model_str_code: "claude-sonnet-4-6" } }).problems).toHaveLength(1);
  });

  it("lets reader and judge follow the writer, as far as they are allowed", () => {
    const said = { model_str_code: "gpt-5" };
    expect(configOf({ operator: paid, allowed: ["gpt-5"], said })).toEqual({
      model_str_code: "gpt-5",
      model_str_fast: "gpt-5",
      model_str_judge: "gpt-5",
    });
    const small = "gpt-5-mini-2025-08-07";
    expect(configOf({ operator: paid, allowed: ["gpt-5", small], said })).toMatchObject({ model_str_fast: small });
    const own = { ...paid, model_str_fast: "ollama/small", model_str_judge: "gpt-5" };
    expect(configOf({ operator: own, said })).toEqual({ model_str_code: "gpt-5" });
  });

  it("is free where the free model is asked for, whoever else was named", () => {
    const file = "model_str_code: claude-sonnet-4-6\nmodel_str_judge: claude-sonnet-4-6";
    const free = "builtin/extract";
    expect(configOf({ operator: paid, file, said: { model_str_code: free } })).toEqual({
      model_str_code: free,
      model_str_fast: free,
      model_str_judge: free,
    });
    expect(configOf({ operator: paid, file: `model_str_judge: ${free}` })).toEqual({ model_str_judge: free });
  });

  it("can change nothing else, whatever a file holds", () => {
    const keys = [
      "sandbox",
      "sandbox_image",
      "gpu",
      "program_network",
      "model_base_url",
      "prices",
      "egress_domains",
      "max_memory_mb",
      "output_base_path",
    ];
    for (const key of keys) expect(messageOf(`${key}: x`)).toMatch(/is no key that may stand here/);
  });
});
