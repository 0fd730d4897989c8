import { type Probot, ProbotOctokit } from "probot";
import { authorizationOf } from "../github/authorization.ts";
import { callGitHub } from "../github/wrap-github-error.ts";
import type { GitHubAccess } from "../jobs/app-context.ts";
import { hopelessStatuses, mayWait } from "./github-patience.ts";

/** Octokit as the app uses it: short rate limits are waited out, long ones are told. */
export function createAppOctokit({ throttle }: { throttle: boolean }): typeof ProbotOctokit {
  // The function form: what is given as an object is overridden by Probot's own defaults.
  return ProbotOctokit.defaults((options: { throttle?: object }) => ({
    ...options,
    // What is there already names the installation: each has limits of its own.
    throttle: throttle
      ? { ...options.throttle, onRateLimit: mayWait, onSecondaryRateLimit: mayWait }
      : { enabled: false },
    retry: { enabled: throttle, doNotRetry: hopelessStatuses },
  }));
}

export interface GitHubAccessOptions {
  probot: Pick<Probot, "auth">;
  onRequest: (status: number) => void;
}

export interface AppGitHubAccess extends GitHubAccess {
  /** The app's own page on GitHub, where it is installed. */
  appUrl: () => Promise<string>;
}

export function createGitHubAccess({ probot, onRequest }: GitHubAccessOptions): AppGitHubAccess {
  let reading: Promise<{ login: string; url: string }> | null = null;
  const read = async () => {
    const app = await probot.auth();
    const { data } = await callGitHub("Reading the app", () => app.rest.apps.getAuthenticated());
    if (!data?.slug) throw new Error("GitHub names no slug of this app.");
    return { login: `${data.slug}[bot]`, url: data.html_url };
  };
  const readOnce = () => {
    reading ??= read().catch((error: unknown) => {
      reading = null;
      throw error;
    });
    return reading;
  };
  return {
    async client(installationId) {
      const octokit = await callGitHub("Signing in to GitHub", () => probot.auth(installationId));
      octokit.hook.after("request", ({ status }) => onRequest(status));
      octokit.hook.error("request", (error) => {
        onRequest("status" in error && typeof error.status === "number" ? error.status : 0);
        throw error;
      });
      return octokit;
    },
    async authorizeClone(installationId, repositoryId) {
      const app = await probot.auth();
      const { data } = await callGitHub("Asking for a token to clone with", () =>
        app.rest.apps.createInstallationAccessToken({
          installation_id: installationId,
          repository_ids: [repositoryId],
          permissions: { contents: "read" },
        }),
      );
      return authorizationOf(data.token);
    },
    botLogin: async () => (await readOnce()).login,
    appUrl: async () => (await readOnce()).url,
  };
}
