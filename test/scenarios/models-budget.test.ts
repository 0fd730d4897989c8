import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { writeTree } from "../repository/make-repository.ts";
import { CommandLine, canIsolate, type EndedCommand, listPaths } from "../support/command-line.ts";
import { type ModelServer, startModelServer } from "../support/model-server/model-server.ts";
import { parseResult, readState } from "../support/run-result.ts";
import {
  anthropicAt,
  anthropicModels,
  copySample,
  createScriptedAuthor,
  curingEdit,
  exchangesWith,
  failingLine,
  orbitProgram,
  plantedKey,
  quietRepository,
  shapesProgram,
  writes,
} from "../support/scripted-author.ts";

describe.runIf(canIsolate)("the money a run may spend", () => {
  const commandLine = new CommandLine();
  let server: ModelServer;
  let ended: EndedCommand;
  let runFolder: string;
  /** US dollars that would have let the run ask one question more. */
  let enough = 0;

  beforeAll(async () => {
    const writing = [writes({ "main.py": orbitProgram(failingLine) }), curingEdit];
    server = await startModelServer({ keepRequests: true, answer: createScriptedAuthor({ writing }) });
    const argv = ["distill", copySample(commandLine), "--out", "out", "--json", ...anthropicModels];
    await goOn([...argv, "--max-cost", "0.002"]);
  });
  afterAll(async () => {
    await server[Symbol.asyncDispose]();
    commandLine[Symbol.dispose]();
  });

  async function goOn(argv: readonly string[]): Promise<void> {
    ended = await commandLine.run(argv, { environment: anthropicAt(server) });
    const { explanation } = parseResult(ended);
    runFolder = parseResult(ended).runFolder ?? "";
    const [, spent, next] = /^\$([\d.]+) of .* could cost \$([\d.]+)\./.exec(explanation ?? "") ?? [];
    // What the sentence gives is rounded.
    enough = Number(spent) + Number(next) + 0.0002;
  }

  function resume(...argv: string[]): Promise<void> {
    return goOn(["distill", "--resume", runFolder, "--json", ...argv]);
  }

  function answered(): string[] {
    return exchangesWith(server).map(({ kind }) => kind);
  }

  it("is not touched where the first question could cost more: nobody is asked", () => {
    expect(parseResult(ended), ended.stderr).toMatchObject({ outcome: "failed", reasonCode: "budget", costUsd: 0 });
    expect(parseResult(ended).explanation).toMatch(
      /^\$0\.00 of \$0\.0020 were spent; the next call \(summarize, .*--max-cost/,
    );
    expect(ended.status).toBe(3);
    expect(answered()).toEqual([]);
  });

  it("stays spent as far as it went, unless more is given", async () => {
    await resume();
    expect(parseResult(ended)).toMatchObject({ outcome: "failed", reasonCode: "budget" });
    expect(answered()).toEqual([]);
  });

  it("is never exceeded, however little more is given each time, and no answer is paid for again", async () => {
    const expected = ["summary", "classification", "writing", "writing", "judgement"];
    for (let raises = 0; parseResult(ended).reasonCode === "budget"; raises++) {
      expect(raises).toBeLessThan(expected.length);
      expect(ended.status).toBe(3);
      const limit = enough;
      await resume("--max-cost", limit.toFixed(4));
      expect(ended.stderr).not.toMatch(/unexpected fault/);
      expect(answered(), ended.stderr).toEqual(expected.slice(0, answered().length));
      expect(server.dollars).toBeLessThanOrEqual(limit);
      expect(parseResult(ended).costUsd).toBeCloseTo(server.dollars, 10);
      expect(readState(runFolder).total_cost).toBeCloseTo(server.dollars, 10);
      const { exampleFolder } = parseResult(ended);
      if (exampleFolder) expect(existsSync(join(exampleFolder, "main.py")), "what it names is there").toBe(true);
    }
    expect(parseResult(ended).outcome, ended.stderr).toBe("verified");
    expect(ended.status).toBe(0);
    expect(answered()).toEqual(expected);
    expect(readFileSync(join(runFolder, "REPORT.md"), "utf8")).not.toMatch(/could cost/);
    expect(server.unexpected).toEqual([]);
  }, 120_000);
});

describe("prices", () => {
  const commandLine = new CommandLine();
  let server: ModelServer;
  let environment: Record<string, string>;
  beforeAll(async () => {
    writeTree(commandLine.path("quiet"), quietRepository);
    copySample(commandLine);
    const writing = [writes({ "main.py": shapesProgram() })];
    server = await startModelServer({ keepRequests: true, answer: createScriptedAuthor({ writing }) });
    environment = { OPENROUTER_API_KEY: plantedKey, OPENROUTER_BASE_URL: server.openAIUrl };
  });
  afterAll(async () => {
    await server[Symbol.asyncDispose]();
    commandLine[Symbol.dispose]();
  });

  const unknown = ["--model", "openrouter/nobody/knows-me"];

  it.runIf(canIsolate)(
    "that nobody knows are asked for before a model is, in a sentence that can be copied",
    async () => {
      const ended = await commandLine.run(["distill", "quiet", "--out", "unknown", "--json", ...unknown], {
        environment,
      });
      expect(ended.status, ended.stderr).toBe(2);
      expect(ended.stderr).toMatch(
        /The price of openrouter\/nobody\/knows-me is not known: give it in the configuration/,
      );
      expect(server.requests).toEqual([]);

      const given = /for example (".*\})\.\n/.exec(ended.stderr)?.[1] ?? "";
      writeFileSync(commandLine.path("prices.json"), `{${given}}`);
      const argv = ["distill", "quiet", "prices.json", "--out", "known", "--json", ...unknown];
      const again = await commandLine.run(argv, { environment });
      expect(parseResult(again).outcome, again.stderr).toBe("verified");
      expect(parseResult(again).costUsd).toBeGreaterThan(0);
    },
  );

  it("are what an estimate adds up, without a key and without asking anybody", async () => {
    const before = server.requests.length;
    const ended = await commandLine.run(
      ["distill", "orbital-elements", "--estimate", "--out", "estimated", ...anthropicModels],
      {
        environment: { ANTHROPIC_BASE_URL: server.url },
      },
    );
    expect(ended.status, ended.stderr).toBe(0);
    const rows = [...ended.stdout.matchAll(/^(\d+) +\$([\d.]+) +\$([\d.]+) +\$([\d.]+) +\$([\d.]+)$/gm)].map((row) =>
      row.slice(1).map(Number),
    );
    expect(rows.map(([runs]) => runs)).toEqual([1, 3, 9]);
    for (const [, reading = 0, writing = 0, judging = 0, together = 0] of rows)
      expect(together).toBeCloseTo(reading + writing + judging, 2);
    const totals = rows.map((row) => row.at(-1) ?? 0);
    expect(totals).toEqual([...totals].sort((a, b) => a - b));
    expect(totals[0]).toBeGreaterThan(0.02);
    expect(server.requests).toHaveLength(before);
    expect(listPaths(commandLine.folder)).not.toContain("estimated");
  });

  it("that are not known make no estimate, and that is said", async () => {
    const ended = await commandLine.run(["distill", "quiet", "--estimate", ...unknown], { environment });
    expect(ended.status, ended.stderr).toBe(0);
    expect(ended.stdout).toMatch(/unknown/);
    expect(ended.stdout).toMatch(/give it in the configuration as prices/);
  });
});
