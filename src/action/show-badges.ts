import { isBadgeSlug, putBadges } from "../github/put-badges.ts";
import type { ActionContext } from "./action-context.ts";
import type { ExampleResult } from "./action-result.ts";
import { explainError } from "./describe-failure.ts";
import { type BadgeFacts, renderBadge } from "./render-badge.ts";

/** What became of an example, and what its badge says of the one that is published. */
export interface Kept {
  result: ExampleResult;
  /** Null where nothing was found out: its badge stays as it is. */
  badge: Pick<BadgeFacts, "verdict" | "commit"> | null;
}

/** The badge of one that was run again. What could not be tried says nothing of the example. */
export function badgeOf({ verdict, commit }: ExampleResult): Kept["badge"] {
  if (verdict === "verified") return { verdict, commit };
  return verdict === "failed" ? { verdict: "broken", commit } : null;
}

/** Brings badges to their branch; the results with their addresses. What keeps it from that is said, and no more. */
export async function showBadges(
  all: readonly Kept[],
  keep: ReadonlySet<string> | null,
  context: ActionContext,
): Promise<ExampleResult[]> {
  const results = all.map(({ result }) => result);
  const badges = new Map(all.flatMap(({ result, badge }) => (badge ? [[result.slug, badge] as const] : [])));
  for (const slug of badges.keys())
    if (!isBadgeSlug(slug)) {
      badges.delete(slug);
      context.say(
        `examples/${slug} has no badge: its name may hold letters, digits, hyphens, underscores and dots only.`,
      );
    }
  if (badges.size === 0 || !context.speaksForRepository || context.signal.aborted) return results;
  const addresses = await putAll(badges, keep, context);
  return all.map(({ result, badge }) => ({
    ...result,
    badgeUrl: (badge && addresses.get(`${result.slug}.svg`)) ?? null,
  }));
}

async function putAll(
  badges: ReadonlyMap<string, NonNullable<Kept["badge"]>>,
  keep: ReadonlySet<string> | null,
  { at, say }: ActionContext,
): Promise<Map<string, string>> {
  const files = [...badges].map(async ([slug, facts]) => {
    const { svg, json } = await renderBadge({ ...facts, date: new Date() });
    return [
      { path: `${slug}.svg`, content: svg },
      { path: `${slug}.json`, content: json },
    ];
  });
  try {
    const put = await putBadges({
      ...at,
      files: (await Promise.all(files)).flat(),
      keep,
      message: "Update the badges of the examples",
    });
    if (put.kind !== "refused") return new Map(put.badges.map(({ path, rawUrl }) => [path, rawUrl]));
    say(`No badge was written: ${put.explanation}`);
  } catch (error) {
    say(`No badge was written: ${explainError(error, say).userMessage}`);
  }
  return new Map();
}
