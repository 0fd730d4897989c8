import type { Message, MessagePart } from "../../models/model.ts";
import { render } from "../../templates/render.ts";
import type { WritingContext } from "../author.ts";
import { environmentMark } from "../extractive/write-runscript.ts";
import { describeCore, describePackage, listPaths } from "./describe.ts";
import type { Groundwork, Turn } from "./memory.ts";
import { cleanData, markOf, plainName, quoteData } from "./quoted-data.ts";
import { selectContext } from "./select-context.ts";

/** What every call of one run's writing begins with, word for word. */
export interface Opening {
  mark: string;
  system: string;
  repository: string;
  sandbox: string;
}

export async function createOpening(context: WritingContext, contextTokens: number): Promise<Opening> {
  const { repository, survey, sandbox, summary, programNetwork, maxProgramSeconds } = context;
  const mark = markOf(repository, survey);
  return {
    mark,
    system: render("prompts/write-system.md", { mark, programNetwork, environmentMark }),
    repository: render("prompts/repository.md", {
      name: cleanData(mark, repository.name),
      commit: repository.commit,
      purpose: quoteData(mark, { kind: "purpose" }, summary.description),
      package: describePackage(survey),
      modules: survey.modules.map(({ name }) => name).join(", ") || "none",
      needs: survey.needs
        .slice(0, 6)
        .map(({ kind, path, line }) => `${kind} (${plainName(path)}:${line})`)
        .join(", "),
      coreFunctions: describeCore(survey.coreFunctions, mark),
      files: listPaths(survey, mark),
      context: await selectContext(context, mark, contextTokens),
    }),
    sandbox: render("prompts/sandbox.md", {
      ...sandbox,
      pythons: sandbox.pythons
        .map(({ version }) => version)
        .filter((version) => version.startsWith("3."))
        .join(", "),
      tools: sandbox.tools.join(", ") || "none",
      maxSeconds: maxProgramSeconds,
      programNetwork,
    }),
  };
}

/**
 * The conversation so far and what is asked now. The opening comes first and stays as it is, so that the provider's cache
 * holds it for every later call; the newest question is marked too, because the next call begins with it.
 */
export function buildMessages(
  { repository, sandbox }: Opening,
  groundwork: Groundwork,
  turns: readonly Turn[],
  next: Pick<Turn, "question" | "measured">,
): Message[] {
  const opening: MessagePart[] = [
    { text: repository },
    { text: sandbox, volatile: true },
    ...partsOf({ question: groundwork.told, measured: groundwork.measured }),
  ];
  const messages: Message[] = [];
  const asked = [...turns, next];
  asked.forEach((turn, index) => {
    const parts = [...(index === 0 ? opening : []), ...partsOf(turn)];
    const isKept = index === 0 || index === asked.length - 1;
    messages.push({
      role: "user",
      parts: parts.map((part, place) => (isKept && place === parts.length - 1 ? { ...part, cache: true } : part)),
    });
    const answer = turns[index]?.answer;
    if (answer !== undefined) messages.push({ role: "assistant", parts: [{ text: answer }] });
  });
  return messages;
}

function partsOf({ question, measured }: Pick<Turn, "question" | "measured">): MessagePart[] {
  return [
    ...(question.trim() ? [{ text: question }] : []),
    ...(measured.trim() ? [{ text: measured, volatile: true }] : []),
  ];
}
