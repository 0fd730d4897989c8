import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CommandLine, canIsolate, waitUntil } from "../support/command-line.ts";
import { type ModelServer, startModelServer } from "../support/model-server/model-server.ts";
import { onlyRun, parseResult, readState } from "../support/run-result.ts";
import {
  anthropicAt,
  anthropicModels,
  copySample,
  createScriptedAuthor,
  edits,
  exchangesWith,
  judges,
  orbitProgram,
  type QuestionKind,
  textOf,
  writes,
} from "../support/scripted-author.ts";

/** An objection, and what answers it. */
const script = {
  writing: [
    writes({ "main.py": orbitProgram() }),
    edits('    print("period:", round(orbit.period), "s")', '    print("period:", orbit.period, "seconds")'),
  ],
  judgement: [judges({ objection: "The period is rounded." }), judges()],
};
const questions: QuestionKind[] = ["summary", "classification", "writing", "judgement", "writing", "judgement"];

describe.runIf(canIsolate)("a run that is killed around every question to a model", () => {
  const commandLine = new CommandLine();
  const runFolder = () => onlyRun(commandLine.path("out"));
  let server: ModelServer;
  /** The question after so many answered ones is held until its process is gone. */
  let heldAfter = Number.POSITIVE_INFINITY;
  let argv: string[];

  beforeAll(async () => {
    const answer = createScriptedAuthor(script);
    server = await startModelServer({
      keepRequests: true,
      answer: (request) => {
        const reply = answer(request);
        const isHeld = server.bill.length >= heldAfter;
        return isHeld ? { ...(typeof reply === "string" ? { text: reply } : reply), delayMs: 60_000 } : reply;
      },
    });
    argv = ["distill", copySample(commandLine), "--out", "out", ...anthropicModels];
  });
  afterAll(async () => {
    await server[Symbol.asyncDispose]();
    commandLine[Symbol.dispose]();
  });

  function answersOnDisk(): number {
    const path = join(runFolder(), "model-calls.jsonl");
    return existsSync(path) ? readFileSync(path, "utf8").split("\n").length - 1 : 0;
  }

  async function killWhen(what: string, holds: () => boolean): Promise<void> {
    const started = commandLine.start(argv, { environment: anthropicAt(server) });
    await waitUntil(what, holds);
    started.process.kill("SIGKILL");
    expect((await started.ended).status, "it was killed").toBeNull();
    argv = ["distill", "--resume", runFolder()];
    await waitUntil("nobody waits for an answer", () => server.inFlight === 0);
  }

  it("ends as if nothing had happened, and pays for no answer twice", async () => {
    for (const number of questions.keys()) {
      heldAfter = number;
      const before = server.requests.length;
      await killWhen(`question ${number + 1} is asked`, () => server.requests.length > before);
      // The last answer is all that a run waits for: it would end before it is killed.
      if (number === questions.length - 1) break;
      heldAfter = number + 1;
      await killWhen(`answer ${number + 1} is on the disk`, () => answersOnDisk() > number);
    }
    heldAfter = Number.POSITIVE_INFINITY;
    expect(readState(runFolder()).distiller.outcome).toBeNull();
    const last = await commandLine.run([...argv, "--json"], { environment: anthropicAt(server) });
    const result = parseResult(last);
    expect(result.outcome, last.stderr).toBe("verified");

    const answered = exchangesWith(server).filter(({ billed }) => billed?.complete);
    expect(answered.map(({ kind }) => kind)).toEqual(questions);
    expect(new Set(answered.map(({ request }) => textOf(request))).size).toBe(questions.length);
    expect(server.bill).toHaveLength(questions.length);
    expect(result.costUsd).toBeCloseTo(server.dollars, 10);
    const { distiller, total_cost } = readState(runFolder());
    expect(total_cost).toBe(result.costUsd);
    expect(distiller.spending.reduce((sum, { calls }) => sum + calls, 0)).toBe(questions.length);
    expect(distiller.iterations.filter(({ draft }) => !draft.preliminary)).toHaveLength(2);
    expect(server.unexpected).toEqual([]);
  }, 120_000);

  it("has its answers in a file that nobody else may read", () => {
    // Answers may hold what a repository keeps to itself.
    expect(statSync(join(runFolder(), "model-calls.jsonl")).mode & 0o077).toBe(0);
  });
});
