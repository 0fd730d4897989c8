import { commandOptions, commands } from "../templates/command-table.ts";
import type { Answer } from "./answer.ts";
import { renderPage } from "./render-page.ts";
import type { Pages } from "./route.ts";

/** What the app is and how it is used. */
export async function showHome({ appUrl }: Pages): Promise<Answer> {
  return renderPage({
    name: "home",
    title: "Examples that ran",
    content: { appUrl: (await appUrl?.()) ?? null, commands, options: commandOptions },
    // The same for everybody, so that it may be kept for a while.
    isOperator: false,
    headers: { "cache-control": "public, max-age=300", "x-robots-tag": "all" },
  });
}
