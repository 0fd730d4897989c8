import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { writeTree } from "../repository/make-repository.ts";
import { CommandLine, canIsolate, listPaths } from "../support/command-line.ts";
import { type ModelServer, startModelServer } from "../support/model-server/model-server.ts";
import type { Reply } from "../support/model-server/reply.ts";
import { onlyRun, parseResult, readState } from "../support/run-result.ts";
import {
  anthropicAt,
  anthropicModels,
  copySample,
  createScriptedAuthor,
  exchangesWith,
  judges,
  kindOf,
  plantedKey,
  type QuestionKind,
  quietRepository,
  shapesProgram,
  textIn,
  writes,
} from "../support/scripted-author.ts";

const inAMoment = { milliseconds: 5 };

interface Fault {
  name: string;
  at: QuestionKind;
  reply: Reply;
  /** How often the question is asked before the run ends. */
  asked: number;
  /** What a person reads. */
  sentence: RegExp;
}

/** What ends a process: it says what to do, and the run can be gone on with. */
const endings: Fault[] = [
  ...[
    {
      error: "unauthorized" as const,
      sentence: /Anthropic refuses the key in ANTHROPIC_API_KEY: set one that is valid/,
    },
    {
      error: "payment-required" as const,
      sentence: /Anthropic account of ANTHROPIC_API_KEY has no credit left: add some/,
    },
    { error: "no-credit" as const, sentence: /Anthropic account of ANTHROPIC_API_KEY has no credit left: add some/ },
    { error: "unknown-model" as const, sentence: /has no model claude-haiku-4-5-20251001.*check --model/ },
    { error: "forbidden" as const, sentence: /does not let ANTHROPIC_API_KEY use claude-haiku-4-5-20251001/ },
  ].map(({ error, sentence }) => ({ name: error, at: "summary" as const, reply: { error }, asked: 1, sentence })),
  {
    name: "a rate limit for an hour",
    at: "classification",
    reply: { error: "rate-limited", retryAfter: { seconds: 3600 } },
    asked: 1,
    sentence: /limits how often it is asked.*asks to wait 60 minutes: continue then with --resume/,
  },
  {
    name: "an outage",
    at: "writing",
    reply: { error: "server-error", retryAfter: inAMoment },
    asked: 6,
    sentence: /Anthropic is overloaded or out of order .*try again later/,
  },
  {
    name: "an answer without end",
    at: "writing",
    reply: { endless: "and so on, ".repeat(2000), pieceLength: 20_000 },
    asked: 1,
    sentence: /went on answering far beyond the limit it was given: use another --model/,
  },
];

describe.runIf(canIsolate)("a provider's fault that no retry helps against", () => {
  const commandLine = new CommandLine();
  let server: ModelServer;
  let fault: Fault | null = null;
  let runFolder: string;
  const script = createScriptedAuthor();

  beforeAll(async () => {
    server = await startModelServer({
      keepRequests: true,
      answer: (request) => (fault?.at === kindOf(request) ? fault.reply : script(request)),
    });
    // A run that has come as far as its first question.
    fault = endings[0] ?? null;
    const argv = ["distill", copySample(commandLine), "--out", "out", ...anthropicModels];
    const ended = await commandLine.run(argv, { environment: anthropicAt(server) });
    expect(ended.status, ended.stderr).toBe(1);
    runFolder = onlyRun(commandLine.path("out"));
  });
  afterAll(async () => {
    await server[Symbol.asyncDispose]();
    commandLine[Symbol.dispose]();
  });

  it.each(endings)("ends the process with a sentence and the way on: $name", async (each) => {
    fault = each;
    const before = server.requests.length;
    const ended = await commandLine.run(["distill", "--resume", runFolder], { environment: anthropicAt(server) });
    expect(ended.status, ended.stderr).toBe(1);
    const [, told = "", hint = ""] = /\n(codedistiller: .*)\n(.*)\n$/.exec(ended.stderr) ?? [];
    expect(told).toMatch(each.sentence);
    expect(hint).toBe(
      `Continue with: codedistiller distill --resume ${runFolder.replace(`${commandLine.folder}/`, "")}`,
    );
    const asked = exchangesWith(server).slice(before);
    expect(asked.filter(({ kind }) => kind === each.at)).toHaveLength(each.asked);
    expect(readState(runFolder)).toMatchObject({ status: "ERROR", distiller: { outcome: null } });
  });

  it("has lost nothing: once the provider is well, the run goes on to verified and asks only what is open", async () => {
    fault = null;
    const ended = await commandLine.run(["distill", "--resume", runFolder, "--json"], {
      environment: anthropicAt(server),
    });
    expect(parseResult(ended).outcome, ended.stderr).toBe("verified");
    expect(ended.status).toBe(0);
    const answered = exchangesWith(server).filter(({ billed }) => billed?.complete);
    expect(answered.map(({ kind }) => kind)).toEqual(["summary", "classification", "writing", "judgement"]);
    expect(server.unexpected).toEqual([]);
  });
});

describe.runIf(canIsolate)("models that fail a run in passing", () => {
  const commandLine = new CommandLine();
  let sample: string;
  beforeAll(() => {
    sample = copySample(commandLine);
    writeTree(commandLine.path("quiet"), quietRepository);
  });
  afterAll(() => commandLine[Symbol.dispose]());

  it("are asked again after every fault that may pass, and what broke off is paid for", async () => {
    const faults: Partial<Record<QuestionKind, Reply[]>> = {
      summary: [{ hangUp: true }, { error: "rate-limited", retryAfter: { seconds: 0 } }],
      classification: [
        { html: "<html><body>Bad gateway</body></html>" },
        { error: "server-error", retryAfter: inAMoment },
        { error: "server-error", retryAfter: inAMoment },
        { error: "overloaded", retryAfter: inAMoment },
      ],
      writing: [
        { text: "I begin, and then the line goes dead. ".repeat(20), cutAfter: 300 },
        { text: "I begin, and then nonsense comes. ".repeat(20), malformedAfter: 300 },
      ],
      judgement: [{ text: `{"correct_behavior": true, "critical_issues": []`, errorAfter: 30 }],
    };
    const script = createScriptedAuthor();
    await using server = await startModelServer({
      keepRequests: true,
      answer: (request) => faults[kindOf(request)]?.shift() ?? script(request),
    });
    const ended = await commandLine.run(["distill", sample, "--out", "passing", "--json", ...anthropicModels], {
      environment: anthropicAt(server),
    });
    const result = parseResult(ended);
    expect(result.outcome, ended.stderr).toBe("verified");
    expect(Object.values(faults)).toEqual([[], [], [], []]);
    expect(ended.stderr.match(/Attempt \d of 6 in \d+ s\.$/gm)).toHaveLength(9);
    expect(server.unexpected).toEqual([]);

    const complete = server.bill.filter((billed) => billed.complete).map(({ dollars }) => dollars ?? 0);
    const answers = complete.reduce((sum, dollars) => sum + dollars, 0);
    expect(result.costUsd).toBeGreaterThan(answers);
    // What broke off is counted by its bound, so that the limit holds whatever the provider counts.
    expect(result.costUsd).toBeGreaterThanOrEqual(server.dollars);
    const { spending } = readState(result.runFolder ?? "").distiller;
    expect(spending.map(({ stage, failedCalls }) => [stage, failedCalls])).toEqual([
      ["classify", 0],
      ["draft", 2],
      ["judge", 1],
      ["summarize", 0],
    ]);
  });

  it("cost no run by an answer that cannot be read, is empty, cut, or refused, where there is a way round", async () => {
    const whole = writes({ "main.py": shapesProgram() });
    const cutAt = 700;
    let isEmpty = true;
    const script = createScriptedAuthor({
      summary: [{ refusal: "I would rather not say." }],
      classification: ["Most of them look fine to me."],
      writing: [
        (mark) => ({ text: textIn(whole(mark)), truncateAt: cutAt }),
        (mark) => textIn(whole(mark)).slice(cutAt),
      ],
      judgement: [{ value: { is_finished: "perhaps" } }, judges()],
    });
    await using server = await startModelServer({
      keepRequests: true,
      answer: (request) => {
        if (!isEmpty || kindOf(request) !== "writing") return script(request);
        isEmpty = false;
        return { text: "" };
      },
    });
    const ended = await commandLine.run(["distill", "quiet", "--out", "odd", "--json", ...anthropicModels], {
      environment: anthropicAt(server),
    });
    const result = parseResult(ended);
    expect(result, ended.stderr).toMatchObject({ outcome: "verified", checks: { reviewed: { result: "passed" } } });
    expect(exchangesWith(server).map(({ kind }) => kind)).toEqual([
      "summary",
      "classification",
      "classification",
      "writing",
      "writing",
      "writing",
      "judgement",
      "judgement",
    ]);
    const state = readState(result.runFolder ?? "");
    expect(state.repository_description).toMatch(/areas and outlines of plane shapes/i);
    expect(state.classification_list.map(({ path }) => path)).toContain("shapes.py");
    expect(state.total_cost).toBeCloseTo(server.dollars, 10);
    expect(server.unexpected).toEqual([]);
  });

  it("end a run whose example they refuse to write", async () => {
    await using server = await startModelServer({
      answer: createScriptedAuthor({ writing: [{ refusal: "Surveying is beyond me." }] }),
    });
    const ended = await commandLine.run(["distill", "quiet", "--out", "refused", "--json", ...anthropicModels], {
      environment: anthropicAt(server),
    });
    expect(parseResult(ended), ended.stderr).toMatchObject({ outcome: "failed", reasonCode: "model-refused" });
    expect(parseResult(ended).explanation).toContain("claude-sonnet-4-5-20250929 refused to write the example");
    expect(ended.status).toBe(3);
  });

  it.each([
    ["unauthorized" as const, /OpenAI refuses the key in OPENAI_API_KEY/],
    ["no-credit" as const, /OpenAI account of OPENAI_API_KEY has no credit left/],
    ["unknown-model" as const, /OpenAI at .* has no model gpt-5-mini-2025-08-07/],
  ])("say the same where they are OpenAI's, and are asked once: %s", async (error, sentence) => {
    await using server = await startModelServer({ answer: () => ({ error }) });
    const environment = { OPENAI_API_KEY: plantedKey, OPENAI_BASE_URL: server.openAIUrl };
    const argv = ["distill", "quiet", "--out", `openai-${error}`, "--model", "gpt-5-2025-08-07"];
    const ended = await commandLine.run(argv, { environment });
    expect(ended.stderr).toMatch(sentence);
    expect(ended.status).toBe(1);
    expect(server.requests).toHaveLength(1);
  });

  it("are not asked without a key: the variable is named, and no run is begun", async () => {
    await using server = await startModelServer();
    const { ANTHROPIC_API_KEY: _, ...environment } = anthropicAt(server);
    const ended = await commandLine.run(["distill", "quiet", "--out", "keyless", ...anthropicModels], { environment });
    expect(ended.stderr).toBe(
      "codedistiller: ANTHROPIC_API_KEY is not set. Set it, or use --model builtin/extract, which needs none.\n",
    );
    expect(ended.status).toBe(2);
    expect(listPaths(commandLine.path("keyless"))).toEqual([]);
    expect(server.requests).toEqual([]);
  });
});
