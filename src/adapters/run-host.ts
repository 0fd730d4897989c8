import type { Host } from "./host.ts";

/** Of the app's own. */
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

/** What a runner of GitHub Actions gives a step to act with: its inputs, its tokens, and the files that say what comes of it. */
const workflowVariables = /^(INPUT_|STATE_|ACTIONS_|GITHUB_(TOKEN|ENV|OUTPUT|PATH|STATE|STEP_SUMMARY)$|GH_TOKEN$)/;

/** A workflow's process as its runs see it: a program that reads a stranger's words has no say in the workflow. */
export function createWorkflowHost(host: Host): Host {
  const kept = Object.entries(host.environment).filter(([name]) => !workflowVariables.test(name));
  return { ...host, environment: Object.fromEntries(kept) };
}

/** What every program needs: where it is, its language, its way out of this network. */
const plainVariables = /^(PATH|LANG|LC_\w+|TZ|TMPDIR|SSL_CERT_(FILE|DIR)|NODE_EXTRA_CA_CERTS|(https?|no|all)_proxy)$/i;

/**
 * What a model's command is given. It reads strangers' words: of whatever else is set for this process, a database's
 * password or a cloud's keys, it has only what the operator names.
 */
export function describeCommandEnvironment({
  host,
  alsoPassed,
}: {
  host: Host;
  alsoPassed: readonly string[];
}): NodeJS.ProcessEnv {
  const kept = Object.entries(host.environment).filter(
    ([name]) => plainVariables.test(name) || name === "HOME" || alsoPassed.includes(name),
  );
  return Object.fromEntries(kept);
}

/** Proxies and certificates, and a home without anybody's settings: strangers' commands never clone with the operator's rights. */
export function describeGitEnvironment({ host, homeFolder }: { host: Host; homeFolder: string }): NodeJS.ProcessEnv {
  const passed = /^(PATH|LANG|TMPDIR|SSL_CERT_(FILE|DIR)|GIT_SSL_CA(INFO|PATH)|(https?|no|all)_proxy)$/i;
  const kept = Object.entries(host.environment).filter(([name]) => passed.test(name));
  return { ...Object.fromEntries(kept), HOME: homeFolder };
}
