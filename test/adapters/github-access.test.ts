import type { Probot } from "probot";
import { expect, it } from "vitest";
import { createGitHubAccess } from "../../src/adapters/github-access.ts";

it("reads once who the app is and where it is installed, and again where GitHub did not tell", async () => {
  const answers = [
    () => Promise.reject(new Error("GitHub is away.")),
    async () => ({ data: { slug: "codedistiller", html_url: "https://github.com/apps/codedistiller" } }),
  ];
  const auth = async () => ({ rest: { apps: { getAuthenticated: () => answers.shift()?.() } } });
  const access = createGitHubAccess({
    probot: { auth } as unknown as Pick<Probot, "auth">,
    onRequest: () => undefined,
  });
  await expect(access.appUrl()).rejects.toThrow();
  expect(await Promise.all([access.appUrl(), access.botLogin()])).toEqual([
    "https://github.com/apps/codedistiller",
    "codedistiller[bot]",
  ]);
  expect(await access.appUrl()).toBe("https://github.com/apps/codedistiller");
  expect(answers).toEqual([]);
});
