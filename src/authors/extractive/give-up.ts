import type { AuthorContext, AuthorReason, GivingUp } from "../author.ts";
import { placeOf } from "./assemble-example.ts";
import type { Candidate } from "./candidate.ts";
import type { Decisions } from "./decisions.ts";

/** Why nothing is left: the reason of the best candidate that was tried, or else of the best that was not. */
export function explainNothing(
  { survey, sandbox }: AuthorContext,
  candidates: readonly Candidate[],
  decisions: Decisions,
): GivingUp {
  if (candidates.length === 0) {
    const need = survey.needs.find(({ kind }) => kind === "api-key" || (kind === "gpu" && sandbox.gpu === null));
    if (need)
      return giveUp(
        "skipped",
        reasonOfNeed(need.kind),
        `The repository holds nothing that can be run without ${need.kind} (${need.path}:${need.line}).`,
      );
    return giveUp(
      "skipped",
      "no-example-found",
      "The repository holds no Python example, script or test that calls its own functions.",
    );
  }
  const ordered = candidates.flatMap(({ id }) => decisions.rejected.filter((rejected) => rejected.id === id));
  const tried = ordered.filter(({ why }) => !/^it needs what a sandbox/.test(why));
  const told = tried[0] ?? ordered[0];
  const best = candidates.find(({ id }) => id === told?.id);
  const count =
    ordered.length === 1 ? "The only candidate" : `None of ${ordered.length} candidates can be run. The best`;
  const why = (told?.why ?? "it could not be tried").replace(/\.$/, "");
  return giveUp(
    tried.length > 0 ? "failed" : "skipped",
    told?.reasonCode ?? "examples-fail",
    `${count} (${best ? `${best.path}, ${placeOf(best)}` : "unknown"}): ${why}.`,
  );
}

export function reasonOfNeed(need: string): AuthorReason {
  const reasons: Record<string, AuthorReason> = {
    gpu: "needs-gpu",
    "api-key": "needs-api-key",
    gui: "needs-gui",
    "network-data": "needs-data",
  };
  return reasons[need] ?? "examples-fail";
}

/** A sentence where the repository's own code is another language's; what little Python it has is not its core. */
export function describeForeignLanguage({ survey }: AuthorContext): string | null {
  const sources = survey.files.filter(({ type, language }) => type === "source" && language !== null);
  const bytes = (languages: readonly string[]): number =>
    sources.filter(({ language }) => languages.includes(language ?? "")).reduce((sum, file) => sum + file.bytes, 0);
  const compiled = bytes(["C", "C++", "CUDA", "Fortran", "Rust", "Java", "Go", "Julia", "R", "MATLAB"]);
  const python = bytes(["Python", "Cython"]);
  const isPackage = survey.packaging.installable && survey.modules.length > 0;
  if (python === 0 && survey.snippets.every(({ kind }) => kind !== "python" && kind !== "doctest")) {
    const main = Object.keys(survey.languages)[0];
    return compiled > 0 ? `The repository is written in ${main}; this author runs Python only.` : null;
  }
  if (isPackage || python > compiled / 4) return null;
  return `The repository is mostly ${Object.keys(survey.languages)[0]} (${Math.round(compiled / 1000)} kB against ${Math.round(python / 1000)} kB of Python); this author runs Python only.`;
}

export function giveUp(outcome: GivingUp["outcome"], reasonCode: AuthorReason, explanation: string): GivingUp {
  return { kind: "gave-up", outcome, reasonCode, explanation };
}
