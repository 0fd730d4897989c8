import type { Model } from "../../models/model.ts";
import { render } from "../../templates/render.ts";
import { type Attempt, Judgement, type Review, type WritingContext } from "../author.ts";
import { environmentMark } from "../extractive/write-runscript.ts";
import { filesForWriter } from "./assemble-draft.ts";
import { describeCore, listCalled, listFacts, showCaught, showOutput, showResults } from "./describe.ts";
import { cleanData, markOf, quoteData } from "./quoted-data.ts";
import { cleanReadme, cutToTokens } from "./select-context.ts";

/** Characters of what was printed, and of results, that a judge is shown. */
const shownOutput = 6000;
const shownResults = 5000;
const shownCode = 40_000;
/** Of the README, for what the repository says of itself. */
const readmeTokens = 1000;

/** A fresh mind: it sees the code, what came out and what was seen to run, and nothing of how it was written. */
export async function judgeExample(
  context: WritingContext,
  { draft, execution }: Pick<Attempt, "draft" | "execution">,
  model: Model,
): Promise<Review> {
  const { repository, survey, summary, readText, signal } = context;
  const mark = markOf(repository, survey);
  const readme = survey.readme ? await readText(survey.readme) : null;
  const { "requirements.txt": requirements = "", "runscript.sh": runscript = "", ...programs } = filesForWriter(draft);
  const code = render("prompts/judge.md", {
    name: cleanData(mark, repository.name),
    purpose: quoteData(mark, { kind: "purpose" }, summary.description),
    coreFunctions: describeCore(survey.coreFunctions, mark),
    readme: readme
      ? quoteData(mark, { path: survey.readme ?? "" }, cutToTokens(cleanReadme(readme), readmeTokens))
      : "",
    program: Object.entries(programs)
      .map(([path, text]) => quoteData(mark, { path }, text.slice(0, shownCode)))
      .join("\n\n"),
    requirements: quoteData(mark, { path: "requirements.txt" }, requirements.slice(0, 2000)),
    // Above the mark stands how the repository is fetched, which is ours and says what Python this machine has.
    runscript: quoteData(mark, { path: "runscript.sh" }, (runscript.split(environmentMark)[1] ?? "").slice(0, 4000)),
  });
  const called = listCalled(execution);
  const run = render("prompts/judge-run.md", {
    facts: listFacts(execution),
    parts: [
      ...(called
        ? [{ title: "Functions of the repository that ran", text: quoteData(mark, { kind: "calls" }, called) }]
        : []),
      ...showCaught(execution, mark),
      ...showResults(execution, mark, shownResults),
      ...showOutput(execution, mark, shownOutput),
    ],
  });
  const answer = await model.askFor({
    stage: "judge",
    system: render("prompts/judge-system.md", { mark }),
    messages: [{ role: "user", parts: [{ text: code }, { text: run, volatile: true }] }],
    answer: { name: "judgement", schema: Judgement },
    maxOutputTokens: 4000,
    signal,
  });
  if (answer.kind === "answered") return { kind: "judged", judgement: answer.value };
  return {
    kind: "not-judged",
    why: `${model.name} ${answer.kind === "refused" ? "refused to judge" : "gave no judgement that could be read"}: ${answer.why}`,
  };
}
