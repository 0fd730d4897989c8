import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { writeTree } from "../repository/make-repository.ts";
import { CommandLine, canIsolate } from "../support/command-line.ts";
import { startModelServer } from "../support/model-server/model-server.ts";
import { reachesPackages } from "../support/package-index.ts";
import { parseResult, readState } from "../support/run-result.ts";
import {
  type AuthorScript,
  anthropicAt,
  anthropicModels,
  copySample,
  createScriptedAuthor,
  curingEdit,
  edits,
  exchangesWith,
  failingLine,
  orbitProgram,
  quietRepository,
  shapesProgram,
  writes,
} from "../support/scripted-author.ts";

const hasPackages = canIsolate && reachesPackages();

const failingDraft = writes({ "main.py": orbitProgram(failingLine) });

describe.runIf(canIsolate)("a draft that fails when it runs", () => {
  const commandLine = new CommandLine();
  let sample: string;
  beforeAll(() => {
    sample = copySample(commandLine);
    writeTree(commandLine.path("quiet"), quietRepository);
  });
  afterAll(() => commandLine[Symbol.dispose]());

  /** Runs until the end, and returns what the writer was asked. */
  async function distil(
    script: AuthorScript,
    { out, repository = sample, withPackages = false }: { out: string; repository?: string; withPackages?: boolean },
  ) {
    await using server = await startModelServer({ keepRequests: true, answer: createScriptedAuthor(script) });
    const ended = await commandLine.run(["distill", repository, "--out", out, "--json", ...anthropicModels], {
      environment: anthropicAt(server),
      withPackages,
    });
    const result = parseResult(ended);
    expect(server.unexpected).toEqual([]);
    const writing = exchangesWith(server).filter(({ kind }) => kind === "writing");
    return { ended, result, state: readState(result.runFolder ?? ""), writing };
  }

  it("is cured by an edit, in a conversation of which the provider has kept the beginning", async () => {
    const { ended, result, state, writing } = await distil({ writing: [failingDraft, curingEdit] }, { out: "edited" });
    expect(result.outcome, ended.stderr).toBe("verified");
    const [first, second, ...others] = writing;
    if (!first?.billed || !second?.billed) throw new Error("The writer was not asked twice.");
    expect(others).toEqual([]);

    const [opening, answer, told] = second.request.messages;
    expect(second.request.system).toBe(first.request.system);
    expect(opening).toEqual(first.request.messages[0]);
    expect(answer).toMatchObject({ role: "assistant", text: expect.stringContaining("def example1()") });
    expect(first.billed.usage.cacheWriteTokens).toBeGreaterThan(2000);
    expect(second.billed.usage.cacheReadTokens).toBe(first.billed.usage.cacheWriteTokens);

    expect(told?.text).toContain("KeyError");
    expect(told?.text).toContain(failingLine);
    expect(told?.text).not.toContain("from orbelem import");
    const log = state.change_log.at(-1);
    expect(log).toMatchObject({
      issues_identified: ["the wrong name was asked for"],
      changes_made: ["asks for the right one"],
      error_information: { program: 1 },
    });
    const written = readFileSync(join(result.exampleFolder ?? "", "main.py"), "utf8");
    expect(written).toContain('print(found["anomaly"])');
    expect(written).toContain("Describes a Molniya orbit and moves along it.");
  });

  it("is asked for whole where an edit finds nothing to change, and nothing of that answer is used", async () => {
    const amiss = edits("    print(found['nowhere'])", "    pass");
    const whole = writes({ "main.py": orbitProgram('print(found["anomaly"])') });
    const { ended, result, state, writing } = await distil({ writing: [failingDraft, amiss, whole] }, { out: "amiss" });
    expect(result.outcome, ended.stderr).toBe("verified");
    expect(writing).toHaveLength(3);
    const asked = writing[2]?.request.messages.at(-1)?.text ?? "";
    expect(asked).toMatch(/the text to find is not in the file/);
    expect(asked).toMatch(/send main\.py whole/);
    const written = state.distiller.iterations.filter(({ draft }) => !draft.preliminary);
    expect(written).toHaveLength(2);
  });

  it("is given up when three answers in a row cannot be used, and the run has its end", async () => {
    const { ended, result, writing } = await distil(
      { writing: ["I would rather talk about it."] },
      { out: "talk", repository: "quiet" },
    );
    expect(result, ended.stderr).toMatchObject({ outcome: "failed", reasonCode: "model-unusable" });
    expect(ended.status).toBe(3);
    expect(writing).toHaveLength(3);
  });

  it.runIf(hasPackages)(
    "gets a missing module by rule: no model is asked for it",
    async () => {
      const program = shapesProgram("found['python 3'] = six.PY3").replace(
        "import sys\n",
        "import sys\n\nimport six\n",
      );
      const { ended, result, state, writing } = await distil(
        { writing: [writes({ "main.py": program })] },
        { out: "module", repository: "quiet", withPackages: true },
      );
      expect(result.outcome, ended.stderr).toBe("verified");
      expect(writing).toHaveLength(1);
      expect(state.requirements).toMatch(/^six$/m);
      expect(state.change_log.at(-1)?.issues_identified).toEqual(["No module named six"]);
    },
    120_000,
  );
});
