import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { writeTree } from "../repository/make-repository.ts";
import { CommandLine, canIsolate } from "../support/command-line.ts";
import { startModelServer } from "../support/model-server/model-server.ts";
import { parseResult, readState } from "../support/run-result.ts";
import {
  type AuthorScript,
  anthropicAt,
  anthropicModels,
  copySample,
  createScriptedAuthor,
  edits,
  exchangesWith,
  judges,
  orbitProgram,
  quietRepository,
  shapesProgram,
  writes,
} from "../support/scripted-author.ts";

const objection = "The velocity is printed nowhere.";
const answerToObjection = edits(
  '    print("period:", round(orbit.period), "s")',
  '    print("period:", round(orbit.period), "s; velocity:", velocity)',
);
const draft = writes({ "main.py": orbitProgram() });

describe.runIf(canIsolate)("a judge", () => {
  const commandLine = new CommandLine();
  let sample: string;
  beforeAll(() => {
    sample = copySample(commandLine);
    writeTree(commandLine.path("quiet"), quietRepository);
  });
  afterAll(() => commandLine[Symbol.dispose]());

  async function distil(
    out: string,
    script: AuthorScript,
    { repository = sample, argv = [] }: { repository?: string; argv?: readonly string[] } = {},
  ) {
    await using server = await startModelServer({ keepRequests: true, answer: createScriptedAuthor(script) });
    const ended = await commandLine.run(["distill", repository, "--out", out, "--json", ...anthropicModels, ...argv], {
      environment: anthropicAt(server),
    });
    const result = parseResult(ended);
    expect(server.unexpected).toEqual([]);
    const exchanges = exchangesWith(server);
    const asked = (kind: string) => exchanges.filter((each) => each.kind === kind).map(({ request }) => request);
    return { ended, result, state: readState(result.runFolder ?? ""), asked };
  }

  it("that objects once is answered by one revision, and its second word stands", async () => {
    const { ended, result, asked } = await distil("once", {
      writing: [draft, answerToObjection],
      judgement: [judges({ objection }), judges()],
    });
    expect(result, ended.stderr).toMatchObject({ outcome: "verified", checks: { reviewed: { result: "passed" } } });
    expect(ended.status).toBe(0);
    expect(asked("judgement")).toHaveLength(2);
    expect(asked("writing")).toHaveLength(2);
    expect(asked("writing")[1]?.messages.at(-1)?.text).toContain(objection);
    const [first, second] = asked("judgement").map(({ messages }) => messages.map(({ text }) => text).join());
    expect(first).not.toContain("velocity:");
    expect(second).toContain("velocity:");
    expect(second, "a fresh mind is not told of the first objection").not.toContain(objection);
    expect(readFileSync(join(result.exampleFolder ?? "", "main.py"), "utf8")).toContain("velocity:");
  });

  it("that always objects takes the word verified away, and costs one revision at most", async () => {
    const { ended, result, asked } = await distil("always", {
      writing: [draft, answerToObjection],
      judgement: [judges({ objection })],
    });
    expect(result, ended.stderr).toMatchObject({
      outcome: "partial",
      reasonCode: "objected",
      checks: { reproduced: { result: "passed" }, reviewed: { result: "failed", evidence: objection } },
    });
    expect(ended.status).toBe(3);
    expect(asked("writing")).toHaveLength(2);
    // Its draft, the revision, and what the rules had found.
    expect(asked("judgement").length).toBeLessThanOrEqual(3);
    expect(readFileSync(join(result.runFolder ?? "", "report.html"), "utf8")).toContain(objection);
  });

  it("that cannot be understood takes nothing away: the evidence stands, and nobody is said to have reviewed", async () => {
    const { ended, result, asked } = await distil("unclear", { judgement: ["Well, it is rather nice, I think."] });
    expect(result, ended.stderr).toMatchObject({ outcome: "verified", checks: { reviewed: { result: "not-made" } } });
    expect(ended.status).toBe(0);
    expect(result.checks?.reviewed.evidence).toMatch(/gave no judgement that could be read/);
    expect(asked("judgement")).toHaveLength(2);
  });

  it("that refuses takes nothing away either", async () => {
    const { ended, result, asked } = await distil("refuses", { judgement: [{ refusal: "I do not judge." }] });
    expect(result, ended.stderr).toMatchObject({ outcome: "verified", checks: { reviewed: { result: "not-made" } } });
    expect(asked("judgement")).toHaveLength(1);
  });

  it("is not asked about an example that calls nothing of the repository, and could not save it", async () => {
    const imitation = `"""A square's area."""\n\n\ndef example1():\n    """Computes it."""\n    return {"area": 4}\n`;
    const { ended, result, asked } = await distil(
      "imitation",
      { writing: [writes({ "main.py": imitation })], judgement: [judges()] },
      { repository: "quiet", argv: ["--max-debug-iterations", "0"] },
    );
    expect(result, ended.stderr).toMatchObject({ outcome: "failed", reasonCode: "not-grounded" });
    expect(result.checks?.reviewed.result).toBe("not-made");
    expect(ended.status).toBe(3);
    expect(asked("judgement")).toEqual([]);
  });

  it("is not asked about values that a second run does not repeat", async () => {
    const program = shapesProgram('found["area"] += int.from_bytes(__import__("os").urandom(4), "big")');
    const { ended, result, asked } = await distil(
      "unrepeatable",
      { writing: [writes({ "main.py": program })], judgement: [judges()] },
      { repository: "quiet", argv: ["--max-debug-iterations", "0"] },
    );
    expect(result, ended.stderr).toMatchObject({ outcome: "partial", reasonCode: "not-reproduced" });
    expect(asked("judgement")).toEqual([]);
  });

  it("is asked about what the rules had found, where the writer's own example falls short of it", async () => {
    const imitation = `"""Pi."""\n\n\ndef example1():\n    """Says it."""\n    return {"pi": 3.14159}\n`;
    const { ended, result, asked } = await distil(
      "by-rule",
      { writing: [writes({ "main.py": imitation })], judgement: [judges()] },
      { argv: ["--max-debug-iterations", "0"] },
    );
    expect(result, ended.stderr).toMatchObject({ outcome: "verified", checks: { reviewed: { result: "passed" } } });
    expect(asked("judgement")).toHaveLength(1);
    expect(asked("judgement")[0]?.messages[0]?.text).toContain("A first orbit");
  });
});
