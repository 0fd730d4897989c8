import { GitHubError, RepositoryError } from "../errors.ts";
import type { GitHubClient, RepositoryName } from "./github-client.ts";
import { readRepository } from "./read-repository.ts";

export interface Refusal {
  kind: "refused";
  reasonCode:
    | "gone"
    | "archived"
    | "disabled"
    | "empty"
    | "base-not-found"
    | "no-permission"
    | "protected"
    | "blocked-folder"
    | "branches-taken"
    | "unsafe-path"
    | "refused-by-github";
  /** A sentence of plain text that says what to do; GitHub's own words may be in it. */
  explanation: string;
}

const writing = new Set(["github-not-found", "github-forbidden", "github-conflict"]);

/** GitHub has no code for it: these are the words of protected branches and of rules. */
const protectedWords = /protected|rule violation|rulesets?\b|reference update failed/i;

/** What a workflow's token meets where a repository's settings keep it from pull requests, whatever it was granted. */
const workflowWords = /not permitted to create or approve pull requests/i;

interface WritingPlace {
  github: GitHubClient;
  repository: RepositoryName;
  /** What has to be granted for it. */
  needs?: string;
}

/** Why a repository cannot be written to; null where the error is something else. */
export async function explainRefusal(
  error: unknown,
  { github, repository, needs = "contents and pull requests" }: WritingPlace,
): Promise<Refusal | null> {
  if (error instanceof RepositoryError) return refuse("unsafe-path", error.userMessage);
  if (!(error instanceof GitHubError) || !writing.has(error.code)) return null;
  // Unless this can be read, nobody knows what the refusal meant.
  const now = await readRepository({ github, repository }).catch(() => undefined);
  if (now === undefined) return null;
  if (now === null) return refuseGone();
  if (now.archived) return refuse("archived", "The repository is archived: unarchive it, then ask again.");
  if (now.disabled) return refuse("disabled", "GitHub has disabled the repository.");
  if (isProtected(error))
    return refuse(
      "protected",
      `The repository's rules refuse the branch (GitHub says "${error.said}"): let CodeDistiller push branches whose names begin with codedistiller, then ask again.`,
    );
  if (error.status === 409) return now.empty ? refuseEmpty() : null;
  if (error.code === "github-conflict") return refuse("refused-by-github", error.userMessage);
  return refuse("no-permission", workflowWords.test(error.said) ? switchOn : grant(needs));
}

const switchOn =
  'Workflows may not open pull requests in this repository: switch on "Allow GitHub Actions to create and approve pull requests" in its Settings under Actions, General, or use the token of an app, then ask again.';

function grant(needs: string): string {
  return `CodeDistiller may not write to this repository: grant write access to ${needs}, to the app's installation or in the workflow's permissions, then ask again.`;
}

export function isProtected({ said }: GitHubError): boolean {
  return protectedWords.test(said);
}

export function refuse(reasonCode: Refusal["reasonCode"], explanation: string): Refusal {
  return { kind: "refused", reasonCode, explanation };
}

export function refuseGone(): Refusal {
  return refuse("gone", "The repository is gone, or access to it was taken away.");
}

export function refuseEmpty(): Refusal {
  return refuse("empty", "The repository has no commit yet: push one, then ask again.");
}
