import { getOctokit } from "@actions/github";
import { retry } from "@octokit/plugin-retry";
import { throttling } from "@octokit/plugin-throttling";
import type { GitHubClient } from "../github/github-client.ts";
import type { GraphqlClient } from "../github/read-login.ts";
import { hopelessStatuses, mayWait } from "./github-patience.ts";

/** GitHub as a workflow's token may use it: short rate limits are waited out, long ones are told. */
export function createWorkflowClient({
  token,
  apiUrl,
}: {
  token: string;
  apiUrl: string;
}): GitHubClient & GraphqlClient {
  const options = {
    baseUrl: apiUrl,
    throttle: { onRateLimit: mayWait, onSecondaryRateLimit: mayWait },
    retry: { doNotRetry: hopelessStatuses },
  };
  return getOctokit(token, options, retry, throttling);
}
