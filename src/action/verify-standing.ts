import { CancelledError } from "../errors.ts";
import { advise } from "../jobs/advise.ts";
import { folderOf } from "../jobs/bring-example.ts";
import { endWithError } from "../jobs/end-run.ts";
import { cloneSource, verifyPublished } from "../jobs/verify-published.ts";
import { findCarriedSource, type PublishedExample, type Verification } from "../pipeline/verify-example.ts";
import { parseRepositorySource } from "../repository/repository-source.ts";
import type { RunEnding } from "../store/run-record.ts";
import type { ActionContext } from "./action-context.ts";
import type { ExampleResult } from "./action-result.ts";
import { newCloneFolder } from "./clone-own.ts";
import { composeResult, endInterrupted } from "./compose-result.ts";
import { explainError } from "./describe-failure.ts";
import { findPublished, type NamedSource } from "./named-source.ts";

/** What an example was made from, as it is now. */
export interface CurrentSource {
  name: string;
  /** Null: the workflow's own repository. */
  source: NamedSource | null;
  /** Host folder with its files. */
  folder: string;
  commit: string | null;
}

/**
 * Fetches it, at a branch, a tag or a commit; null: the workflow's own commit, or the head of another's default branch.
 * `source`: what the workflow names itself, if it does. Throws what a person can mend.
 */
export async function provideCurrent(
  example: PublishedExample,
  { ref, source: named }: { ref: string | null; source: NamedSource | null },
  context: ActionContext,
): Promise<CurrentSource> {
  const carried = await findCarriedSource(example);
  const { commit } = example.metadata.distiller;
  if (carried !== null) return { name: nameOf(example), source: null, folder: carried, commit };
  const source = await findPublished(example, context, named);
  const current = source
    ? await cloneSource({
        source: parseRepositorySource(source.url, { kindOfPath: () => "missing" }),
        adapters: context.createAdapters(source.facts),
        config: context.config,
        ref,
        destination: newCloneFolder(context.folder),
        signal: context.signal,
      })
    : await context.cloneOwn(ref ?? context.workflow.sha);
  return {
    name: source ? (source.facts?.fullName ?? source.url) : context.repository.fullName,
    source,
    folder: current.folder,
    commit: current.commit,
  };
}

function nameOf({ metadata }: PublishedExample): string {
  return metadata.repository_url ?? metadata.distiller.source;
}

export interface Verified {
  result: ExampleResult;
  /** Null where nothing could be tried. */
  verification: Verification | null;
}

/** Runs an example that is there once more, at the commit of today. Never throws: what goes wrong is the result. */
export async function verifyStanding({
  slug,
  example,
  context,
  current,
}: {
  slug: string;
  example: PublishedExample;
  context: ActionContext;
  /** Where it was fetched before. */
  current?: CurrentSource;
}): Promise<Verified> {
  const started = performance.now();
  try {
    const { name, source, folder, commit } =
      current ?? (await provideCurrent(example, { ref: null, source: null }, context));
    const { verification } = await verifyPublished({
      example,
      source: { kind: "folder", folder, commit },
      adapters: context.createAdapters(source ? source.facts : context.repository),
      config: context.config,
      scratch: context.folder,
      emit: context.emit,
      signal: context.signal,
    });
    const seconds = (performance.now() - started) / 1000;
    return { verification, result: describe({ name, slug, commit, verification, seconds }) };
  } catch (error) {
    const { code, userMessage } = explainError(error, context.say);
    const isCancelled = error instanceof CancelledError || context.signal.aborted;
    const ending = isCancelled ? endInterrupted("workflow") : endWithError(code, userMessage, "workflow");
    const of = { repository: nameOf(example), slug, action: "verified" } as const;
    return { verification: null, result: composeResult(ending, of) };
  }
}

function describe({
  name,
  slug,
  commit,
  verification: { reasonCode, reproduction, grounded, notes },
  seconds,
}: {
  name: string;
  slug: string;
  commit: string | null;
  verification: Verification;
  seconds: number;
}): ExampleResult {
  const isVerified = reasonCode === "verified";
  const ending: RunEnding = {
    outcome: isVerified ? "verified" : "failed",
    reasonCode,
    explanation: isVerified
      ? `The example in ${folderOf(slug)} still runs, and comes to the same values.`
      : [reasonCode === "not-grounded" ? grounded.evidence : reproduction.check.evidence, ...notes].join(" "),
    advice: isVerified ? null : advise({ outcome: "failed", reasonCode, door: "workflow" }),
    checks: [
      { name: "reproduced", ...reproduction.check },
      { name: "grounded", ...grounded },
    ],
    commit,
    iterations: 0,
    seconds: Math.round(seconds * 100) / 100,
  };
  return composeResult(ending, { repository: name, slug, action: "verified" });
}
