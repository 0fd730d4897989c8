import { answersOn } from "./app-answers.ts";
import { type AppUnderTest, endOfRun, eventually, operatorToken, readRuns, type ShownRun } from "./app-under-test.ts";

export interface EndedRun {
  run: ShownRun;
  /** The last words of the run's comment. */
  answer: string;
}

/** Does what begins a run, and waits for its end and for what is said of it on an issue. */
export async function awaitRun(
  app: Pick<AppUnderTest, "address" | "github">,
  at: { owner: string; name: string; issue: number },
  begin: () => Promise<unknown>,
): Promise<EndedRun> {
  const [runs, answers] = [(await readRuns(app)).length, (await answersOn(app, at)).length];
  await begin();
  const run = await endOfRun(app, runs + 1);
  const answer = await eventually("the last words of a run", async () => {
    const [first] = (await answersOn(app, at)).slice(answers);
    return first?.startsWith(`**${verdictOf(run)}`) && first;
  });
  return { run, answer };
}

/** A person's comment that asks for a run, and its end. */
export function askForRun(
  app: Pick<AppUnderTest, "address" | "github">,
  comment: { owner: string; name: string; issue: number; user: string; body: string },
): Promise<EndedRun> {
  return awaitRun(app, comment, () => app.github.comment(comment));
}

function verdictOf({ ending }: ShownRun): string {
  const outcome = ending?.outcome ?? "";
  return outcome === "error" ? "Stopped by an error" : outcome.charAt(0).toUpperCase() + outcome.slice(1);
}

/** Until every webhook that came was dealt with. */
export async function awaitDeliveries({ address }: Pick<AppUnderTest, "address">): Promise<void> {
  const headers = { authorization: `Bearer ${operatorToken}` };
  await eventually("an empty queue of webhooks", async () => {
    const text = await (await fetch(`${address}/metrics`, { headers })).text();
    return /^codedistiller_queue_jobs\{queue="deliveries"\} 0$/m.test(text);
  });
}
