import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";

interface Step {
  id?: string;
  uses?: string;
  with?: Record<string, string>;
  env?: Record<string, string>;
  run?: string;
}

interface Job {
  if?: string;
  "timeout-minutes"?: number;
  permissions?: Record<string, string>;
  steps: Step[];
}

interface Workflow {
  on: string | Record<string, unknown>;
  permissions?: Record<string, string>;
  concurrency?: { group: string; "cancel-in-progress": boolean };
  jobs: Record<string, Job>;
}

export type ReadyWorkflow = ReturnType<typeof describeWorkflow>;

export function fileAt(path: string): string {
  return fileURLToPath(new URL(`../../${path}`, import.meta.url));
}

/** Those in docs/workflows/. */
export const readyWorkflows = readdirSync(fileAt("docs/workflows")).map((name) =>
  describeWorkflow(name, readFileSync(fileAt(`docs/workflows/${name}`), "utf8")),
);

/** The shortest ones, in the pages. */
export const quickStarts = ["README.md", "docs/action.md"].map((page) => {
  const text = readFileSync(fileAt(page), "utf8");
  const from = text.indexOf("```yaml\nname: Distill\n") + "```yaml\n".length;
  return describeWorkflow(page, text.slice(from, text.indexOf("```", from)));
});

export function readyWorkflow(name: string): ReadyWorkflow {
  const found = readyWorkflows.find((each) => each.name === name);
  if (!found) throw new Error(`There is no docs/workflows/${name}.`);
  return found;
}

function describeWorkflow(name: string, text: string) {
  const workflow = parse(text) as Workflow;
  const jobs = Object.entries(workflow.jobs).map(([id, job]) => ({ id, ...job }));
  return { name, text, workflow, jobs, steps: jobs.flatMap((job) => job.steps) };
}
