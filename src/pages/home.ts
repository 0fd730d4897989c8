import type { Answer } from "./answer.ts";
import { renderPage } from "./render-page.ts";
import type { Pages } from "./route.ts";

/** What the app is and how it is used; what a command does is the handlers' affair. */
export function showHome({ appUrl = null }: Pages): Answer {
  return renderPage({
    name: "home",
    title: "Examples that ran",
    content: { appUrl, commands, options },
    // The same for everybody, so that it may be kept for a while.
    isOperator: false,
    headers: { "cache-control": "public, max-age=300", "x-robots-tag": "all" },
  });
}

const commands = [
  { command: "/distill", text: "Makes an example of this repository and offers it as a pull request." },
  { command: "/distill owner/name", text: "The same of another public repository, for this one." },
  { command: "/distill status", text: "Says where the newest run is, or its place among those that wait." },
  { command: "/distill cancel", text: "Ends the run; what was not published is dropped." },
  { command: "/distill retry", text: "Runs the last request once more." },
  {
    command: "/distill revise <what to change>",
    text: "On a pull request of this app: goes on from its run with your words.",
  },
  { command: "/distill help", text: "Lists the commands and what this repository may spend." },
];

const options = [
  "--ref <branch, tag or commit>",
  "--subdirectory <folder>",
  '--focus "<what to show>"',
  "--model <name>",
  "--max-cost <dollars>",
  "--dry-run",
];
