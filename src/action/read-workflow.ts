import { readFile } from "node:fs/promises";
import { z } from "zod";
import { parseBoundedJson } from "../bounded-json.ts";
import { ConfigError } from "../errors.ts";

/** The runner's variables, as far as they are used. https://docs.github.com/actions/reference/variables-reference */
const Variables = z.object({
  GITHUB_REPOSITORY: z.string().regex(/^[^/\s]+\/[^/\s]+$/),
  GITHUB_EVENT_NAME: z.string().min(1),
  GITHUB_EVENT_PATH: z.string().optional(),
  GITHUB_REF: z.string(),
  GITHUB_SHA: z.string().regex(/^[0-9a-f]{40,64}$/),
  GITHUB_RUN_ID: z.string().regex(/^\d+$/),
  GITHUB_SERVER_URL: z.url({ protocol: /^https?$/ }),
  GITHUB_API_URL: z.url({ protocol: /^https?$/ }),
  GITHUB_WORKSPACE: z.string().min(1),
  RUNNER_TEMP: z.string().min(1),
});

/** The workflow run that the action is a step of. */
export interface Workflow {
  repository: { owner: string; repo: string };
  eventName: string;
  /** What GitHub says of the event; null where it says nothing. */
  payload: unknown;
  /** Such as `refs/heads/main`. */
  ref: string;
  /** The commit that it runs on. */
  sha: string;
  runId: number;
  runUrl: string;
  apiUrl: string;
  /** With its port where it has one. */
  serverHost: string;
  workspace: string;
  /** Emptied by the runner before and after the job. */
  temporaryFolder: string;
}

/** Reads where the action runs; throws ConfigError outside of a workflow. */
export async function readWorkflow(environment: Readonly<Record<string, string | undefined>>): Promise<Workflow> {
  const parsed = Variables.safeParse(environment);
  if (!parsed.success) {
    const names = parsed.error.issues.map(({ path }) => String(path[0])).join(", ");
    throw new ConfigError({
      code: "not-in-a-workflow",
      userMessage: `This runs in a workflow of GitHub Actions, which sets ${names}. On a machine of your own use the command line: codedistiller distill <repository>.`,
      cause: parsed.error,
    });
  }
  const { data } = parsed;
  const [owner = "", repo = ""] = data.GITHUB_REPOSITORY.split("/");
  return {
    repository: { owner, repo },
    eventName: data.GITHUB_EVENT_NAME,
    payload: await readPayload(data.GITHUB_EVENT_PATH),
    ref: data.GITHUB_REF,
    sha: data.GITHUB_SHA,
    runId: Number(data.GITHUB_RUN_ID),
    runUrl: describeRunUrl(environment),
    apiUrl: data.GITHUB_API_URL.replace(/\/+$/, ""),
    serverHost: new URL(data.GITHUB_SERVER_URL).host,
    workspace: data.GITHUB_WORKSPACE,
    temporaryFolder: data.RUNNER_TEMP,
  };
}

/** The page of the workflow's run. */
export function describeRunUrl({
  GITHUB_SERVER_URL = "https://github.com",
  GITHUB_REPOSITORY,
  GITHUB_RUN_ID,
}: Readonly<Record<string, string | undefined>>): string {
  return `${GITHUB_SERVER_URL.replace(/\/+$/, "")}/${GITHUB_REPOSITORY}/actions/runs/${GITHUB_RUN_ID}`;
}

async function readPayload(path: string | undefined): Promise<unknown> {
  const text = path ? await readFile(path, "utf8").catch(() => null) : null;
  return text === null ? null : (parseBoundedJson(text)?.value ?? null);
}

/** Events about what nobody has merged yet, maybe a stranger's: no example of it is proposed. */
export function isPullRequestEvent({ eventName }: Pick<Workflow, "eventName">): boolean {
  return /^(pull_request(_target|_review|_review_comment)?|merge_group)$/.test(eventName);
}
