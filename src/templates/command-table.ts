import { extractiveModel } from "../config.ts";

/** What people may write, for a comment's help and for the home page; what a command does is the handlers' affair. */
export const commands = [
  {
    command: "/distill",
    text: "makes a small example of this repository's core functionality, runs and checks it, and opens a pull request with it",
  },
  { command: "/distill owner/name", text: "the same for another public repository, also by its https address" },
  {
    command: "/distill status",
    text: "lists the ten newest runs of this repository, and the places of those that wait",
  },
  { command: "/distill cancel", text: "ends what runs or waits here; what was not published is dropped" },
  { command: "/distill retry", text: "makes the last run once more" },
  {
    command: "/distill revise <what to change>",
    text: "on a pull request of this app: changes the example as you say",
  },
  { command: "/distill help", text: "lists the commands and their options" },
];

/** The same where a workflow answers. */
export const workflowCommands = commands.map(({ command, text }) => ({
  command,
  text:
    {
      "/distill status": "says where the runs are listed",
      "/distill cancel": "ends the last run that was asked for here",
      "/distill retry": "makes the last run that was asked for here once more",
      "/distill revise <what to change>": "on a pull request of mine: writes the example anew, to show what you say",
    }[command] ?? text,
}));

export const commandOptions = [
  { option: '--focus "what to show"', text: "what the example should show; the core functionality without it" },
  { option: "--ref name", text: "branch, tag or commit; the default branch without it" },
  { option: "--subdirectory folder", text: "the part of the repository to distil" },
  {
    option: "--model name",
    text: `the model that writes; ${extractiveModel} is free and takes the examples that the repository holds`,
  },
  { option: "--max-cost 1.50", text: "the most that models may cost, in US dollars" },
  { option: "--dry-run", text: "says what would be done, and runs nothing" },
];
