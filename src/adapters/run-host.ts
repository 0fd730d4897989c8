import type { Host } from "./host.ts";

/** Of the app's own. A model's command is given the environment of this process. */
const secretVariables = [
  "PRIVATE_KEY",
  "PRIVATE_KEY_PATH",
  "WEBHOOK_SECRET",
  "DATABASE_URL",
  "CODEDISTILLER_OPERATOR_TOKEN",
  "GITHUB_CLIENT_SECRET",
];

/** The app's process as its runs see it: without what they must never tell. */
export function createRunHost(host: Host): Host {
  const kept = Object.entries(host.environment).filter(([name]) => !secretVariables.includes(name));
  return { ...host, environment: Object.fromEntries(kept) };
}

/** Proxies and certificates, and a home without anybody's settings: strangers' commands never clone with the operator's rights. */
export function describeGitEnvironment({ host, homeFolder }: { host: Host; homeFolder: string }): NodeJS.ProcessEnv {
  const passed = /^(PATH|LANG|TMPDIR|SSL_CERT_(FILE|DIR)|GIT_SSL_CA(INFO|PATH)|(https?|no|all)_proxy)$/i;
  const kept = Object.entries(host.environment).filter(([name]) => passed.test(name));
  return { ...Object.fromEntries(kept), HOME: homeFolder };
}
