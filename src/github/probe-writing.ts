import { explainRefusal, type Refusal } from "./explain-refusal.ts";
import { type FindBaseOptions, findBase } from "./find-base.ts";
import { callGitHub, isGitHubError } from "./wrap-github-error.ts";

/**
 * Whether a pull request may be brought, before anything is spent on it: why not, or null. Two requests that change nothing
 * tell, since GitHub says of no token what it may do: a blob that nothing refers to, and a pull request from a branch to
 * itself, which is refused for having nothing in it where it is not refused for want of permission. Throws GitHubError where
 * trying later may help.
 */
export async function probeWriting(options: FindBaseOptions): Promise<Refusal | null> {
  const { github, repository } = options;
  try {
    const base = await findBase(options);
    if ("kind" in base) return base;
    const { branch } = base;
    await callGitHub("Trying whether files may be written", () =>
      github.rest.git.createBlob({ ...repository, content: "", encoding: "utf-8" }),
    );
    await callGitHub("Trying whether a pull request may be opened", () =>
      github.rest.pulls.create({ ...repository, title: "A trial that opens nothing", head: branch, base: branch }),
    );
    return null;
  } catch (error) {
    // Nothing in it: that is what was wanted.
    if (isGitHubError(error, "github-conflict") && error.status === 422) return null;
    const refusal = await explainRefusal(error, { github, repository });
    if (refusal) return refusal;
    throw error;
  }
}
