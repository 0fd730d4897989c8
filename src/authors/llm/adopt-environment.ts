import { withAptFile } from "../../example/apt.ts";
import type { Draft } from "../../example/example.ts";
import type { Author, ProvenEnvironment, WritingContext } from "../author.ts";
import { adoptInDecisions, linesOf } from "../extractive/adopt-environment.ts";
import { renewRunscript } from "./assemble-draft.ts";
import { preliminary } from "./groundwork.ts";
import { Memory, type WrittenMemory } from "./memory.ts";
import { replaceRequirement } from "./repair-by-rule.ts";

/** The same draft in an environment that worked before: by the rules while they write, and by its files afterwards. */
export async function adoptEnvironment(
  context: WritingContext,
  draft: Draft,
  { proven, extractive }: { proven: ProvenEnvironment; extractive: Author },
): Promise<Draft | null> {
  const memory = Memory.parse(draft.memory);
  if (memory.phase === "groundwork") {
    const adopted = await extractive.adopt(context, { ...draft, memory: memory.decisions }, proven);
    return adopted && preliminary(adopted, memory.runs);
  }
  const decisions = adoptInDecisions(memory.decisions, proven);
  const requirements = linesOf(proven).reduce(replaceRequirement, draft.files["requirements.txt"] ?? "");
  const indexes = proven.indexes
    .filter((url) => !requirements.includes(url))
    .map((url) => `--extra-index-url ${url}\n`);
  const files: Record<string, string> = {
    ...withAptFile(draft.files, decisions.systemPackages),
    "requirements.txt": `${indexes.join("")}${requirements}`,
  };
  files["runscript.sh"] = renewRunscript(context, { decisions, ownRunscript: memory.ownRunscript, files });
  return {
    ...draft,
    files,
    python: decisions.python,
    memory: { ...memory, decisions } satisfies WrittenMemory,
  };
}
