import { linkAddress } from "../jobs/cut-line.ts";

export interface BadgeFacts {
  verdict: "verified" | "broken";
  /** When it was run. */
  date: Date;
  /** What it was run at; null where that has no commit. */
  commit: string | null;
}

export interface Badge {
  /** A picture that stands by itself. */
  svg: string;
  /** The same for shields.io: https://shields.io/badges/endpoint-badge */
  json: string;
}

const label = "example";
/** Dark enough for white letters (WCAG AA, 4.5 to 1). */
const colors = { verified: "#267d2b", broken: "#c2342d" } as const;

/** What a README shows of an example. */
export async function renderBadge({ verdict, date, commit }: BadgeFacts): Promise<Badge> {
  // Its tables of letter widths are half a megabyte, which most workflows never need.
  const { makeBadge } = await import("badge-maker");
  const day = date.toISOString().slice(0, 10);
  const at = commit !== null && /^[0-9a-f]{7,64}$/.test(commit) ? ` at ${commit.slice(0, 7)}` : "";
  const message = verdict === "verified" ? `verified on ${day}${at}` : `broken${at} (${day})`;
  const color = colors[verdict];
  const endpoint = { schemaVersion: 1, label, message, color };
  return { svg: `${makeBadge({ label, message, color })}\n`, json: `${JSON.stringify(endpoint, null, 2)}\n` };
}

/** The line that shows a badge in the README of the example's own repository; null where the address is none. */
export function badgeMarkdown({
  badgeUrl,
  folder,
}: {
  badgeUrl: string;
  /** Such as `examples/orbital-elements`. */
  folder: string;
}): string | null {
  const picture = linkAddress(badgeUrl);
  return picture && `[![Example by CodeDistiller](${picture})](${folder}/)`;
}
