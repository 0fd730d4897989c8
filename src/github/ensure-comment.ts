import { z } from "zod";
import { fitMarkdown, maxBodyCharacters } from "./fit-markdown.ts";
import type { GitHubClient, RepositoryName } from "./github-client.ts";
import { endsWithMarker, keyOf, markerOf } from "./marker.ts";
import { callGitHub, nullWhenGone, readGitHub } from "./wrap-github-error.ts";

interface CommentOptions {
  github: GitHubClient;
  repository: RepositoryName;
  /** An issue's or a pull request's. */
  issueNumber: number;
  /** Names the comment among ours; it stands in its last line, where nobody sees it. */
  key: string;
}

const Comment = z.object({
  id: z.number().int(),
  body: z.string().nullish(),
  user: z.object({ login: z.string() }).nullable(),
});

/** Pages of 100, from the newest. A comment that lies further back is not found. */
const mostPages = 10;
const pageSize = 100;

/**
 * Brings a comment to a body: edits the one that is known, else the one that is found, else writes it. `gone` when somebody
 * deleted it, or its issue: it is then never written again. Bodies over GitHub's bound are cut.
 */
export async function ensureComment({
  commentId,
  search,
  body,
  ...options
}: CommentOptions & {
  body: string;
  /** The comment that we wrote before; null where none is known. */
  commentId: number | null;
  /** Whether a process that ended before it could tell may have written it. The login is the app's own, with `[bot]`. */
  search: false | { botLogin: string };
}): Promise<{ id: number | null; gone: boolean }> {
  const known = commentId ?? (search ? await findComment({ ...options, ...search }) : null);
  if (known === null) {
    const id = await createComment({ ...options, body });
    return { id, gone: id === null };
  }
  const { github, repository, key } = options;
  const edited = await nullWhenGone(
    callGitHub("Editing the comment", () =>
      github.rest.issues.updateComment({ ...repository, comment_id: known, body: withMarker(body, key) }),
    ),
  );
  return { id: known, gone: edited === null };
}

/** Its number; null when the issue is gone. */
export async function createComment({
  github,
  repository,
  issueNumber,
  key,
  body,
}: CommentOptions & { body: string }): Promise<number | null> {
  const comment = await nullWhenGone(
    readGitHub("Commenting on the issue", Comment.pick({ id: true }), () =>
      github.rest.issues.createComment({
        ...repository,
        issue_number: issueNumber,
        body: withMarker(body, key),
        // Behind a 502 it may have been written: whoever asks again looks for it first.
        request: { retries: 0 },
      }),
    ),
  );
  return comment?.id ?? null;
}

/** The newest comment of the app with this key. */
export async function findComment({ key, ...options }: CommentOptions & { botLogin: string }): Promise<number | null> {
  const found = await findNewest(options, (body) => endsWithMarker(body, key));
  return found?.id ?? null;
}

/** The key of the newest comment of the app whose key has a form; null where there is none. */
export async function findKey({
  form,
  ...options
}: Omit<CommentOptions, "key"> & { botLogin: string; form: RegExp }): Promise<string | null> {
  const found = await findNewest(options, (body) => form.test(keyOf(body) ?? ""));
  return found && keyOf(found.body ?? "");
}

/** GitHub lists the oldest first, so that the last page is read first. */
async function findNewest(
  { botLogin, ...options }: Omit<CommentOptions, "key"> & { botLogin: string },
  isWanted: (body: string) => boolean,
): Promise<z.infer<typeof Comment> | null> {
  const isOurs = ({ user, body }: z.infer<typeof Comment>): boolean => user?.login === botLogin && isWanted(body ?? "");
  const first = await nullWhenGone(readPage(options, 1));
  if (!first) return null;
  for (let page = first.lastPage; page > Math.max(1, first.lastPage - mostPages); page--) {
    const { comments } = await readPage(options, page);
    const found = comments.findLast(isOurs);
    if (found) return found;
  }
  return first.comments.findLast(isOurs) ?? null;
}

async function readPage(
  { github, repository, issueNumber }: Omit<CommentOptions, "key">,
  page: number,
): Promise<{ comments: Array<z.infer<typeof Comment>>; lastPage: number }> {
  let link = "";
  const comments = await readGitHub("Reading the comments", z.array(Comment), async () => {
    const parameters = { ...repository, issue_number: issueNumber, per_page: pageSize, page };
    const answer = await github.rest.issues.listComments(parameters);
    link = answer.headers.link ?? "";
    return answer;
  });
  const last = /[?&]page=(\d+)[^>]*>; rel="last"/.exec(link)?.[1];
  return { comments, lastPage: last ? Number(last) : page };
}

function withMarker(body: string, key: string): string {
  return fitMarkdown(body, { limit: maxBodyCharacters, ending: markerOf(key) });
}
