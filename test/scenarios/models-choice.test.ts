import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CommandLine, canIsolate, type EndedCommand, filesWith } from "../support/command-line.ts";
import { type ModelServer, startModelServer } from "../support/model-server/model-server.ts";
import { parseResult, readState } from "../support/run-result.ts";
import {
  anthropicAt,
  anthropicModels,
  copySample,
  createScriptedAuthor,
  exchangesWith,
  orbitProgram,
  writes,
} from "../support/scripted-author.ts";

/** Who is asked, and what happens where that changes or cannot be. */
describe.runIf(canIsolate)("the choice of models", () => {
  const commandLine = new CommandLine();
  let server: ModelServer;
  let sample: string;

  beforeAll(async () => {
    sample = copySample(commandLine);
    const dead = "claude-gone-1";
    const answer = createScriptedAuthor({ writing: [writes({ "main.py": orbitProgram() })] });
    server = await startModelServer({
      keepRequests: true,
      answer: (request) => (request.model === dead ? { error: "unknown-model" } : answer(request)),
    });
  });
  afterAll(async () => {
    await server[Symbol.asyncDispose]();
    commandLine[Symbol.dispose]();
  });

  function distil(argv: readonly string[], environment: Record<string, string> = {}): Promise<EndedCommand> {
    return commandLine.run(["distill", ...argv], { environment: { ...anthropicAt(server), ...environment } });
  }

  it("leaves reading to the rules, and judging to nobody, where that is asked for", async () => {
    const roles = ["--fast-model", "builtin/extract", "--judge-model", "builtin/extract"];
    const ended = await distil([sample, ...anthropicModels.slice(0, 2), ...roles, "--out", "alone", "--json"]);
    const result = parseResult(ended);
    expect(result.outcome, ended.stderr).toBe("verified");
    expect(result.checks?.reviewed.result).toBe("not-made");
    expect(exchangesWith(server).map(({ kind }) => kind)).toEqual(["writing"]);
  });

  it("goes on with another model where the first one is gone", async () => {
    const prices = JSON.stringify({ "claude-gone-1": { input: 1, output: 1 } });
    const gone = await distil(
      [sample, ...anthropicModels, "--judge-model", "claude-gone-1", "--out", "gone", "--json"],
      {
        CODEDISTILLER_PRICES: prices,
      },
    );
    expect(gone.status).toBe(1);
    expect(gone.stderr).toContain("claude-gone-1");
    const { runFolder } = parseResult(gone);
    const resumed = await distil([
      "--resume",
      runFolder ?? "",
      "--judge-model",
      "claude-sonnet-4-5-20250929",
      "--json",
    ]);
    expect(parseResult(resumed).outcome, resumed.stderr).toBe("verified");
    expect(readState(runFolder ?? "").distiller.config.model_str_judge).toBe("claude-sonnet-4-5-20250929");
  });

  it("cannot go from a model to the rules in the middle of a run", async () => {
    const planned = await distil([sample, ...anthropicModels, "--out", "planned", "--dry-run", "--json"]);
    const { runFolder } = parseResult(planned);
    const ended = await distil(["--resume", runFolder ?? "", "--model", "builtin/extract"]);
    expect(ended.status).toBe(2);
    expect(ended.stderr).toMatch(/cannot go on with builtin\/extract: begin a new one/);
  });

  it("leaves a run as it was where going on is asked for in a way that cannot be", async () => {
    const ended = await distil([sample, ...anthropicModels, "--out", "kept", "--json", "--max-cost", "0.001"]);
    const { runFolder, reasonCode } = parseResult(ended);
    expect(reasonCode).toBe("budget");
    const before = readState(runFolder ?? "");
    const key = "sk-proj-planted0123456789planted";
    const resume = ["--resume", runFolder ?? ""];
    for (const argv of [
      ["--model", `command/writer --key ${key}`, "--max-cost", "5"],
      ["--model", "nonsense/x", "--max-cost", "5"],
      ["--model", "builtin/extract"],
      ["--focus", "another"],
      ["--out", "elsewhere"],
    ]) {
      expect((await distil([...resume, ...argv])).status, argv.join(" ")).toBe(2);
      expect(readState(runFolder ?? "")).toEqual(before);
    }
    expect(filesWith(commandLine.path("kept"), key)).toEqual([]);
    const resumed = await distil([...resume, "--max-cost", "5", "--max-debug-iterations", "3", "--json"]);
    expect(parseResult(resumed).outcome, resumed.stderr).toBe("verified");
    expect(readState(runFolder ?? "").distiller.config.max_debug_iterations).toBe(3);
  });

  it("takes those who followed the writer along to another one", async () => {
    const argv = [sample, "--model", "claude-sonnet-4-5-20250929", "--out", "moved", "--json", "--max-cost", "0.001"];
    const { runFolder } = parseResult(await distil(argv));
    await distil(["--resume", runFolder ?? "", "--model", "gpt-5-2025-08-07", "--max-cost", "5"], {
      OPENAI_API_KEY: "sk-planted-openai-0123456789",
      OPENAI_BASE_URL: server.openAIUrl,
    });
    const { model_str_fast, model_str_judge } = readState(runFolder ?? "").distiller.config;
    expect([model_str_fast, model_str_judge]).toEqual(["gpt-5-mini-2025-08-07", "gpt-5-2025-08-07"]);
  });

  it("refuses a price that nobody knows before anything is paid", async () => {
    const before = server.requests.length;
    const ended = await distil(
      [sample, ...anthropicModels, "--judge-model", "openai/gpt-new-2099", "--out", "unknown"],
      {
        OPENAI_API_KEY: "sk-planted-openai-0123456789",
      },
    );
    expect(ended.status).toBe(2);
    expect(ended.stderr).toMatch(/The price of openai\/gpt-new-2099 is not known: give it in the configuration/);
    expect(server.requests.length).toBe(before);
  });

  it("refuses a key in a model's name, which would stand in every file", async () => {
    const key = "sk-ant-api03-planted0123456789planted";
    const named = `command/writer --token ${key}`;
    for (const argv of [
      ["--model", named],
      ["--model", "builtin/extract", "--judge-model", named],
      ["--model", named, "--estimate"],
    ]) {
      const ended = await distil([sample, ...argv, "--out", "named"]);
      expect(ended.status).toBe(2);
      expect(ended.stderr).toMatch(/has a key in its name/);
      expect(ended.stderr + ended.stdout).not.toContain(key);
      expect(filesWith(commandLine.path("named"), key)).toEqual([]);
    }
  });

  it.each([
    [["--model", "nonsense", "--estimate"], 2, /of no known provider/],
    [["--model", "builtin/extract", "--record", "calls.jsonl"], 2, /--record needs a model that is asked/],
  ])("says what is wrong with %j", async (argv, status, message) => {
    const ended = await distil([sample, ...argv]);
    expect(ended.status).toBe(status);
    expect(ended.stderr).toMatch(message);
  });

  it("estimates nothing for what costs nothing", async () => {
    const ended = await distil([sample, "--model", "ollama/qwen3", "--estimate", "--json"]);
    const { estimate } = JSON.parse(ended.stdout);
    expect(estimate.rows.map(({ totalUsd }: { totalUsd: number | null }) => totalUsd)).toEqual([0, 0, 0]);
  });

  it("says by which key a model was chosen, and nothing where somebody chose", async () => {
    const chosen = await distil([sample, "--estimate"]);
    expect(chosen.stderr).toMatch(/^Author: claude-sonnet-4-6, because ANTHROPIC_API_KEY is set\./m);
    const named = await distil([sample, "--estimate", "--model", "builtin/extract"]);
    expect(named.stderr).not.toContain("Author:");
  });
});
