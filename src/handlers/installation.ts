import { setTimeout } from "node:timers/promises";
import { z } from "zod";
import { readRepositoryById } from "../github/read-repository.ts";
import { cancelRuns } from "../jobs/cancel-runs.ts";
import { showProgress } from "../jobs/show-progress.ts";
import type { RunRecord } from "../store/run-record.ts";
import { readRepositoryConfig } from "./admit.ts";
import { refuseInstallation } from "./authorize.ts";
import { findUnusable } from "./find-unusable.ts";
import { defineHandler, type HandlerContext, Sender } from "./handler.ts";
import { mergeSettings } from "./repository-config.ts";
import { findDeclined, requestRun } from "./request-run.ts";

const Account = z.object({ login: z.string().max(100) });
const Installed = z.object({ id: z.number().int(), full_name: z.string().max(300) });
const InstallationEvent = z.object({
  action: z.string(),
  sender: Sender,
  installation: z.object({ id: z.number().int(), account: Account }),
});

const createdHandler = defineHandler({
  name: "installation-created",
  event: "installation",
  actions: ["created"],
  payload: InstallationEvent.extend({ repositories: z.array(Installed).default([]) }),
  async handle({ installation, sender, repositories }, context) {
    await keepInstallation(installation, false, context);
    await distillNew(installation, sender.login, repositories, context);
  },
});

const addedHandler = defineHandler({
  name: "installation-repositories-added",
  event: "installation_repositories",
  actions: ["added"],
  payload: InstallationEvent.extend({ repositories_added: z.array(Installed) }),
  async handle({ installation, sender, repositories_added }, context) {
    await keepInstallation(installation, false, context);
    await distillNew(installation, sender.login, repositories_added, context);
  },
});

const removedHandler = defineHandler({
  name: "installation-repositories-removed",
  event: "installation_repositories",
  actions: ["removed"],
  payload: InstallationEvent.extend({ repositories_removed: z.array(Installed) }),
  async handle({ sender, repositories_removed }, context) {
    for (const { id } of repositories_removed) {
      const runs = await context.store.runs.find({ repositoryId: id, statuses: ["queued", "running"] });
      await cancelRuns({
        runs,
        by: sender.login,
        reason: "The app was removed from the repository.",
        github: null,
        context,
      });
    }
  },
});

const endedHandler = defineHandler({
  name: "installation-ended",
  event: "installation",
  actions: ["deleted", "suspend", "unsuspend"],
  payload: InstallationEvent,
  async handle({ action, installation, sender }, context) {
    await keepInstallation(installation, action !== "unsuspend", context);
    if (action === "unsuspend") return showSuspended(installation.id, context);
    const { runs, installations } = context.store;
    const live = await runs.find({ installationId: installation.id, statuses: ["queued", "running"], limit: 1000 });
    const by = sender.login;
    if (action === "suspend") {
      await cancelRuns({ runs: live, by, reason: suspended, github: null, context });
      return;
    }
    // The app may say nothing there any more.
    for (const { id } of live) {
      await runs.update(id, (run) => (run.comment ? { ...run, comment: { ...run.comment, gone: true } } : null));
    }
    const cancelled = await cancelRuns({ runs: live, by, reason: "The app was uninstalled.", github: null, context });
    await waitForEnd(cancelled, context);
    await installations.forget(installation.id);
  },
});

export const installationHandlers = [createdHandler, addedHandler, removedHandler, endedHandler];

const suspended = "The app was suspended.";

/** What was cancelled while the app could not speak is told now. */
async function showSuspended(installationId: number, context: HandlerContext): Promise<void> {
  const github = await context.github.client(installationId);
  const ended = await context.store.runs.find({ installationId, statuses: ["finished"] });
  for (const run of ended) if (run.cancelled?.reason === suspended) await showProgress(context, github, run);
}

/** Longest wait for runs that were told to end, in milliseconds; one that takes longer removes its files by itself. */
const longestEnding = 20_000;

/** What is at work would write into the folder that is to be forgotten. */
async function waitForEnd(cancelled: readonly RunRecord[], { store }: HandlerContext): Promise<void> {
  const until = Date.now() + longestEnding;
  for (const { id } of cancelled) {
    while ((await store.runs.get(id))?.status === "running" && Date.now() < until) await setTimeout(200);
  }
}

function keepInstallation(
  { id, account }: { id: number; account: { login: string } },
  suspended: boolean,
  { store }: HandlerContext,
): Promise<void> {
  return store.installations.put({ id, account: account.login, suspended });
}

/** Where operator and repository have it so, each new repository gets its example unasked; the rest by `/distill`. */
async function distillNew(
  installation: { id: number; account: { login: string } },
  requestedBy: string,
  repositories: ReadonlyArray<z.infer<typeof Installed>>,
  context: HandlerContext,
): Promise<void> {
  const { settings } = context.config;
  const { log } = context;
  const skip = (repository: string, because: string): void =>
    log.info({ repository, because }, "not distilled unasked");
  const account = { account: installation.account.login, suspended: false };
  const refused = refuseInstallation({ installation: account, settings });
  const github = await context.github.client(installation.id);
  let begun = await countUnasked(installation.id, context);
  for (const { id, full_name } of repositories) {
    if (!settings.distill_new_repositories) skip(full_name, "distill_new_repositories is off");
    else if (refused) skip(full_name, "the account is not served");
    else if (begun >= settings.max_new_repositories)
      skip(full_name, `${settings.max_new_repositories} of the installation were, which is the most`);
    else {
      const because = await distillOne({ id, installationId: installation.id, requestedBy, github, context });
      if (because === null) begun++;
      else skip(full_name, because);
    }
  }
}

/** Those that other deliveries began; what this one began before it was tried again is counted as it comes. */
async function countUnasked(installationId: number, { store, deliveryId }: HandlerContext): Promise<number> {
  const runs = await store.runs.find({ installationId, limit: 10_000 });
  return runs.filter(({ trigger, triggerKey }) => trigger === "installation" && !triggerKey.startsWith(deliveryId))
    .length;
}

/** Null where a run was requested; else why not. */
async function distillOne({
  id,
  installationId,
  requestedBy,
  github,
  context,
}: {
  id: number;
  installationId: number;
  requestedBy: string;
  github: Awaited<ReturnType<HandlerContext["github"]["client"]>>;
  context: HandlerContext;
}): Promise<string | null> {
  const repository = await readRepositoryById({ github, id });
  if (!repository) return "it is gone";
  const unusable = (await findUnusable(github, repository)) ?? (repository.fork ? "It is a fork." : null);
  if (unusable) return unusable;
  const own = await readRepositoryConfig(github, { owner: repository.owner, repo: repository.name });
  if (own.problem !== null) return own.problem;
  if (own.config?.enabled === false || own.config?.new_installations === false) return "its configuration says so";
  const { config, problems } = mergeSettings({ operator: context.config, repository: own.config, command: null });
  if (problems.length > 0) return problems.join(" ");
  const wanted = {
    context,
    github,
    installationId,
    repository,
    trigger: "installation" as const,
    settings: config,
    source: null,
    slug: null,
    dryRun: false,
    requestedBy,
    issue: null,
    revision: null,
    notes: [],
  };
  if (await findDeclined(wanted)) return "its pull request was declined before";
  const creation = await requestRun(wanted);
  return creation.kind === "created" || creation.kind === "known" ? null : creation.kind;
}
