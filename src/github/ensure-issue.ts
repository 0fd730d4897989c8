import { createHash } from "node:crypto";
import { z } from "zod";
import { GitHubError } from "../errors.ts";
import { createComment } from "./ensure-comment.ts";
import { explainRefusal } from "./explain-refusal.ts";
import { fitMarkdown, maxBodyCharacters } from "./fit-markdown.ts";
import type { GitHubClient, RepositoryName } from "./github-client.ts";
import { endsWithMarker, markerOf, sealOf } from "./marker.ts";
import { callGitHub, readGitHub } from "./wrap-github-error.ts";

interface IssuePlace {
  github: GitHubClient;
  repository: RepositoryName;
  /** Names the issue among ours; it stands in its last line, where nobody sees it. */
  key: string;
  /** Who opens it, with `[bot]` where it is one. */
  botLogin: string;
}

export interface EnsureIssueOptions extends IssuePlace {
  title: string;
  /** Markdown; cut where it is too long for GitHub. */
  body: string;
  /** Given to a new issue only: people take them off. */
  labels?: readonly string[];
}

interface IssueRefusal {
  kind: "refused";
  /** A sentence of plain text that says what to do; GitHub's own words may be in it. */
  explanation: string;
}

export type EnsuredIssue =
  | {
      /** `dismissed`: somebody closed it as not planned, or as a duplicate. It stays closed. */
      kind: "opened" | "updated" | "unchanged" | "reopened" | "dismissed";
      number: number;
      url: string;
    }
  | IssueRefusal;

const Issue = z.object({
  number: z.number().int(),
  html_url: z.string(),
  title: z.string(),
  body: z.string().nullish(),
  state_reason: z.string().nullish(),
  user: z.object({ login: z.string() }).nullable(),
  pull_request: z.object({}).nullish(),
});
type Issue = z.infer<typeof Issue>;

/** Pages of 100, from the newest. An issue that lies further back is not found. */
const mostPages = 10;
const pageSize = 100;

/**
 * Brings the issue with a key to a title and a body: opens it, or edits or reopens the one that is there. The body is ours
 * alone, since people have comments; a title that somebody changed stays. Throws GitHubError where trying later may help.
 */
export async function ensureIssue(options: EnsureIssueOptions): Promise<EnsuredIssue> {
  return explainIssueRefusal(options, async () => {
    const open = await findIssue(options, "open");
    if (open) return edit(open, options);
    const closed = await findIssue(options, "closed");
    if (!closed) return createIssue(options);
    const isDismissed = closed.state_reason === "not_planned" || closed.state_reason === "duplicate";
    return isDismissed ? { kind: "dismissed", ...placeOf(closed) } : edit(closed, options, "open");
  });
}

/** Closes the issue with a key as completed, and says why in a comment; null where none is open. */
export async function closeIssue(
  options: IssuePlace & { comment: string },
): Promise<{ kind: "closed"; number: number; url: string } | IssueRefusal | null> {
  const { github, repository, key, comment } = options;
  return explainIssueRefusal(options, async () => {
    const open = await findIssue(options, "open");
    if (!open) return null;
    const at = { ...repository, issue_number: open.number };
    // First, so that whoever asks again finds none open, and the comment is not written twice.
    await callGitHub("Closing the issue", () =>
      github.rest.issues.update({ ...at, state: "closed", state_reason: "completed" }),
    );
    await createComment({ github, repository, issueNumber: open.number, key: `${key} closed`, body: comment });
    return { kind: "closed", ...placeOf(open) };
  });
}

/** The newest in that state. Of two that were opened in the same moment, the other is found once this one is closed. */
async function findIssue(
  { github, repository, key, botLogin }: IssuePlace,
  state: "open" | "closed",
): Promise<Issue | null> {
  const isOurs = ({ user, body, pull_request }: Issue): boolean =>
    user?.login === botLogin && !pull_request && endsWithMarker(body ?? null, key);
  const query = { state, creator: botLogin, sort: "created", direction: "desc", per_page: pageSize } as const;
  for (let page = 1; page <= mostPages; page++) {
    const issues = await readGitHub("Reading the issues", z.array(Issue), () =>
      github.rest.issues.listForRepo({ ...repository, ...query, page }),
    );
    const found = issues.find(isOurs);
    if (found) return found;
    if (issues.length < pageSize) break;
  }
  return null;
}

async function createIssue(options: EnsureIssueOptions): Promise<EnsuredIssue> {
  const { github, repository, title, labels = [] } = options;
  const body = writeBody(options, title);
  const issue = await readGitHub("Opening the issue", Issue, () =>
    github.rest.issues.create({
      ...repository,
      title,
      body,
      labels: [...labels],
      // Behind a 502 it may have been opened: whoever asks again looks for it first.
      request: { retries: 0 },
    }),
  );
  return { kind: "opened", ...placeOf(issue) };
}

async function edit(issue: Issue, options: EnsureIssueOptions, reopen?: "open"): Promise<EnsuredIssue> {
  const { github, repository } = options;
  const isOurTitle = sealOf(issue.body ?? "") === hashTitle(issue.title);
  // The hash of ours stays below a title that is not.
  const title = isOurTitle ? options.title : issue.title;
  const body = writeBody(options, options.title);
  const saysSame = issue.title === title && issue.body?.replaceAll("\r\n", "\n").trimEnd() === body;
  if (saysSame && !reopen) return { kind: "unchanged", ...placeOf(issue) };
  await callGitHub("Updating the issue", () =>
    github.rest.issues.update({
      ...repository,
      issue_number: issue.number,
      body,
      ...(isOurTitle ? { title } : {}),
      ...(reopen ? { state: reopen } : {}),
    }),
  );
  return { kind: reopen ? "reopened" : "updated", ...placeOf(issue) };
}

/** Its last line has a hash of our title, which tells later whether somebody has changed it. */
function writeBody({ body, key }: EnsureIssueOptions, title: string): string {
  return fitMarkdown(body, { limit: maxBodyCharacters, ending: markerOf(key, hashTitle(title)) });
}

function hashTitle(title: string): string {
  return createHash("sha256").update(title.trim()).digest("hex").slice(0, 16);
}

async function explainIssueRefusal<T>(place: IssuePlace, act: () => Promise<T>): Promise<T | IssueRefusal> {
  try {
    return await act();
  } catch (error) {
    if (error instanceof GitHubError && error.status === 410 && /disabled/i.test(error.said))
      return {
        kind: "refused",
        explanation:
          "Issues are switched off in this repository: switch them on in its Settings under General, Features.",
      };
    const refusal = await explainRefusal(error, { ...place, needs: "issues" });
    if (!refusal) throw error;
    return { kind: "refused", explanation: refusal.explanation };
  }
}

function placeOf({ number, html_url }: Issue): { number: number; url: string } {
  return { number, url: html_url };
}
