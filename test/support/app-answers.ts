import { type AppUnderTest, eventually } from "./app-under-test.ts";

interface IssueRef {
  owner: string;
  name: string;
  issue: number;
}

/** What the app said on an issue, oldest first, without the marks that nobody sees. */
export async function answersOn({ github }: Pick<AppUnderTest, "github">, at: IssueRef): Promise<string[]> {
  const comments = await github.comments(at);
  return comments.filter(({ login }) => login === github.appLogin).map(({ body }) => withoutMark(body));
}

/** A person's comment and the app's next comment on the issue, once it says this. */
export async function ask(
  app: Pick<AppUnderTest, "github">,
  { says, ...comment }: IssueRef & { user: string; body: string; says: string | RegExp },
): Promise<{ comment: number; answer: string }> {
  const before = (await answersOn(app, comment)).length;
  const { comment: id } = await app.github.comment(comment);
  return { comment: id, answer: await answerThat(app, { ...comment, says, from: before }) };
}

/** The app's comment that says this, among those from a place on. */
export async function answerThat(
  app: Pick<AppUnderTest, "github">,
  { says, from = 0, ...at }: IssueRef & { says: string | RegExp; from?: number },
): Promise<string> {
  let seen: string[] = [];
  const look = async (): Promise<string | undefined> => {
    seen = (await answersOn(app, at)).slice(from);
    return seen.find((body) => (typeof says === "string" ? body.includes(says) : says.test(body)));
  };
  return eventually(`an answer that says ${says}`, look, 60).catch((error: unknown) => {
    throw new Error(`${error instanceof Error ? error.message : error}; there is:\n${seen.join("\n---\n")}`);
  });
}

function withoutMark(body: string): string {
  return body.replace(/\n*<!--[^\n]*-->\s*$/, "").trim();
}
