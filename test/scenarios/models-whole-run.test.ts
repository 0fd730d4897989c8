import { execFileSync } from "node:child_process";
import { cpSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CommandLine, canIsolate, type EndedCommand } from "../support/command-line.ts";
import { type ModelServer, startModelServer } from "../support/model-server/model-server.ts";
import { parseResult, readState } from "../support/run-result.ts";
import {
  anthropicAt,
  anthropicModels,
  copySample,
  createScriptedAuthor,
  judges,
  plantedKey,
} from "../support/scripted-author.ts";

const statement = "It moves along a Molniya orbit as the lecture notes do.";

describe.runIf(canIsolate)("a run with Anthropic's models", () => {
  const commandLine = new CommandLine();
  let server: ModelServer;
  let ended: EndedCommand;
  let runFolder: string;
  let example: string;

  beforeAll(async () => {
    server = await startModelServer({
      key: plantedKey,
      keepRequests: true,
      answer: createScriptedAuthor({ judgement: [judges({ statement })] }),
    });
    ended = await commandLine.run(["distill", copySample(commandLine), "--out", "out", "--json", ...anthropicModels], {
      environment: anthropicAt(server),
    });
    const result = parseResult(ended);
    runFolder = result.runFolder ?? "";
    example = result.exampleFolder ?? "";
  });
  afterAll(async () => {
    await server[Symbol.asyncDispose]();
    commandLine[Symbol.dispose]();
  });

  it("ends verified, drafted and judged by models", () => {
    expect(ended.status, ended.stderr).toBe(0);
    expect(parseResult(ended)).toMatchObject({
      outcome: "verified",
      checks: { grounded: { result: "passed" }, reviewed: { result: "passed", evidence: statement } },
    });
    expect(readFileSync(join(example, "main.py"), "utf8")).toContain("Describes a Molniya orbit and moves along it.");
    expect(server.unexpected).toEqual([]);
  });

  it("asks the cheap model to read and the other to write and to judge, each once", () => {
    expect(server.requests.map(({ model, received }) => [model, received?.wants?.name ?? null])).toEqual([
      ["claude-haiku-4-5-20251001", "summary"],
      ["claude-haiku-4-5-20251001", "classification"],
      ["claude-sonnet-4-5-20250929", null],
      ["claude-sonnet-4-5-20250929", "judgement"],
    ]);
  });

  it("comes to the sum that the provider bills, stage by stage, with what the cache took", () => {
    const { total_cost, costs, distiller } = readState(runFolder);
    expect(server.dollars).toBeGreaterThan(0.01);
    expect(total_cost).toBeCloseTo(server.dollars, 10);
    expect(parseResult(ended).costUsd).toBe(total_cost);
    const [summary, classification, draft, judgement] = server.bill;
    for (const [stage, billed] of Object.entries({
      summarize: summary,
      classify: classification,
      draft,
      judge: judgement,
    })) {
      expect(costs[stage], stage).toBeCloseTo(billed?.dollars ?? -1, 10);
      expect(distiller.spending.find((row) => row.stage === stage)).toMatchObject({
        model: billed?.model,
        calls: 1,
        failedCalls: 0,
        ...billed?.usage,
      });
    }
    expect(distiller.spending.find(({ stage }) => stage === "draft")?.cacheWriteTokens).toBeGreaterThan(2000);
  });

  it("publishes a folder that runs without this product and without a key", () => {
    const copy = commandLine.path("elsewhere");
    cpSync(example, copy, { recursive: true });
    rmSync(join(copy, "results.json"));
    execFileSync("bash", ["run.sh"], {
      cwd: copy,
      env: { PATH: "/usr/local/bin:/usr/bin:/bin", HOME: commandLine.path("elsewhere-home"), LANG: "C.UTF-8" },
      stdio: "pipe",
    });
    const values = JSON.parse(readFileSync(join(copy, "results.json"), "utf8"));
    expect(values).toEqual(JSON.parse(readFileSync(join(example, "results.json"), "utf8")));
    expect(values.example2.values.anomaly).toBeCloseTo(1.539641, 6);
  });

  it("reports what the judge said, who wrote, and what it cost", () => {
    for (const name of ["report.html", "REPORT.md"]) {
      const report = readFileSync(join(runFolder, name), "utf8");
      expect(report, name).toContain(statement);
      expect(report, name).toContain("claude-sonnet-4-5-20250929");
      expect(report, name).toContain("claude-haiku-4-5-20251001");
      expect(report, name).toContain(`$${readState(runFolder).total_cost.toFixed(2)}`);
    }
  });
});

describe.runIf(canIsolate)("a run ends verified", () => {
  const commandLine = new CommandLine();
  let server: ModelServer;
  let sample: string;

  beforeAll(async () => {
    sample = copySample(commandLine);
    server = await startModelServer({ answer: createScriptedAuthor(), keepRequests: true });
  });
  afterAll(async () => {
    await server[Symbol.asyncDispose]();
    commandLine[Symbol.dispose]();
  });

  async function distil(argv: readonly string[], environment: Record<string, string>): Promise<EndedCommand> {
    const ended = await commandLine.run(["distill", sample, "--json", ...argv], { environment });
    expect(ended.status, ended.stderr).toBe(0);
    expect(parseResult(ended)).toMatchObject({
      outcome: "verified",
      checks: { reviewed: { result: "passed" } },
    });
    expect(server.unexpected).toEqual([]);
    return ended;
  }

  it("with the models that a key alone stands for, and says which", async () => {
    const before = server.requests.length;
    const ended = await distil(["--out", "by-key"], anthropicAt(server));
    expect(ended.stderr).toMatch(/^Author: claude-sonnet-4-6, because ANTHROPIC_API_KEY is set\./m);
    expect(new Set(server.requests.slice(before).map(({ model }) => model))).toEqual(
      new Set(["claude-haiku-4-5-20251001", "claude-sonnet-4-6"]),
    );
  });

  it("with OpenAI's, at the sum that OpenAI bills", async () => {
    const before = server.bill.length;
    const ended = await distil(
      ["--out", "openai", "--model", "gpt-5-2025-08-07", "--fast-model", "gpt-5-mini-2025-08-07"],
      {
        OPENAI_API_KEY: plantedKey,
        OPENAI_BASE_URL: server.openAIUrl,
      },
    );
    const billed = server.bill.slice(before).map(({ dollars }) => dollars ?? Number.NaN);
    expect(billed).toHaveLength(4);
    const sum = billed.reduce((all, dollars) => all + dollars, 0);
    expect(parseResult(ended).costUsd).toBeCloseTo(sum, 10);
    expect(server.requests.at(-1)).toMatchObject({ api: "responses", model: "gpt-5-2025-08-07" });
  });

  it("with an endpoint of one's own, at the prices one gives", async () => {
    const config = { model_base_url: server.openAIUrl, prices: { "compatible/x": { input: 1, output: 10 } } };
    writeFileSync(commandLine.path("own.json"), JSON.stringify(config));
    const before = server.bill.length;
    const ended = await distil(["own.json", "--out", "own", "--model", "compatible/x"], {
      COMPATIBLE_API_KEY: plantedKey,
    });
    const usages = server.bill.slice(before).map(({ usage }) => usage);
    const tokens = usages.reduce((sum, { inputTokens, outputTokens }) => sum + inputTokens + 10 * outputTokens, 0);
    expect(parseResult(ended).costUsd).toBeCloseTo(tokens / 1e6, 10);
    expect(server.requests.at(-1)).toMatchObject({ api: "chat", model: "x" });
  });

  it("with a program that reads prompts and writes answers", async () => {
    writeFileSync(commandLine.path("ask.py"), askingProgram);
    const before = server.requests.length;
    const ended = await distil(["--out", "program", "--model", `command/python3 ${commandLine.path("ask.py")}`], {
      MODEL_URL: `${server.openAIUrl}/chat/completions`,
    });
    expect(parseResult(ended).costUsd).toBe(0);
    expect(server.requests.slice(before)).toHaveLength(4);
  });
});

/** Hands its prompt to the server, as somebody's own program might. */
const askingProgram = `import json
import os
import sys
import urllib.request

body = {"model": "program", "messages": [{"role": "user", "content": sys.stdin.read()}]}
headers = {"authorization": "Bearer none", "content-type": "application/json"}
request = urllib.request.Request(os.environ["MODEL_URL"], json.dumps(body).encode(), headers)
with urllib.request.urlopen(request) as response:
    print(json.load(response)["choices"][0]["message"]["content"])
`;
