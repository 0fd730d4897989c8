import type { GitHub } from "./answer.ts";
import { composePayload, type Webhooks } from "./deliver.ts";
import { asRecord, expectObject } from "./exchange.ts";
import { readAccount } from "./issue-routes.ts";
import type { GitHubServer, RepositoryRef } from "./protocol.ts";
import { type InstallationState, installationOf, requireRepository } from "./state.ts";

type Installing = Pick<
  GitHubServer,
  "install" | "addRepositories" | "removeRepositories" | "uninstall" | "suspend" | "unsuspend"
>;

/** What people do with the app itself. GitHub tells the repositories of an installation in five fields each. */
export function createInstalling(github: GitHub, webhooks: Webhooks): Installing {
  const { state } = github;
  const tell = async (found: InstallationState, user: string, event: string, action: string, more = {}) => {
    const account = await readOwner(github, found.account);
    const installation = {
      id: found.id,
      account,
      target_id: account.id,
      target_type: account.type,
      app_slug: state.appSlug,
      repository_selection: "selected",
      suspended_at: found.suspended ? new Date().toISOString() : null,
    };
    return webhooks.send(
      event,
      composePayload(event, action, { installation, sender: await readAccount(github, user), ...more }),
    );
  };
  const describeAll = (ids: Iterable<number>) => Promise.all([...ids].map((id) => describeRepository(github, id)));
  const idsOf = (repositories: RepositoryRef[]) => repositories.map((one) => requireRepository(state, one).id);
  const accountOf = (repositories: RepositoryRef[], user: string) =>
    installationOf(state, repositories[0]?.owner ?? user);
  const ownOf = (user: string): InstallationState =>
    state.installations.find(({ account }) => account === user || `${account}-owner` === user) ??
    firstOf(state.installations);

  return {
    async install({ repositories, user }) {
      const found = accountOf(repositories, user);
      found.installed = true;
      found.suspended = false;
      found.repositories = new Set(idsOf(repositories));
      return tell(found, user, "installation", "created", { repositories: await describeAll(found.repositories) });
    },
    async addRepositories({ repositories, user }) {
      const found = accountOf(repositories, user);
      for (const id of idsOf(repositories)) found.repositories.add(id);
      const repositories_added = await describeAll(idsOf(repositories));
      const more = { repositories_added, repositories_removed: [], repository_selection: "selected" };
      return tell(found, user, "installation_repositories", "added", more);
    },
    async removeRepositories({ repositories, user }) {
      const found = accountOf(repositories, user);
      const repositories_removed = await describeAll(idsOf(repositories));
      for (const id of idsOf(repositories)) found.repositories.delete(id);
      const more = { repositories_removed, repositories_added: [], repository_selection: "selected" };
      return tell(found, user, "installation_repositories", "removed", more);
    },
    async uninstall({ user }) {
      const found = ownOf(user);
      const repositories = await describeAll(found.repositories);
      found.installed = false;
      found.repositories = new Set();
      return tell(found, user, "installation", "deleted", { repositories });
    },
    async suspend({ user }) {
      const found = ownOf(user);
      found.suspended = true;
      return tell(found, user, "installation", "suspend");
    },
    async unsuspend({ user }) {
      const found = ownOf(user);
      found.suspended = false;
      return tell(found, user, "installation", "unsuspend");
    },
  };
}

function firstOf(installations: InstallationState[]): InstallationState {
  const [first] = installations;
  if (!first) throw new Error("This GitHub has no installation.");
  return first;
}

async function describeRepository(github: GitHub, id: number): Promise<Record<string, unknown>> {
  const found = github.state.repositories.find((one) => one.id === id);
  const answer = await github.as(found?.owner ?? "", "GET", `/repos/${found?.owner}/${found?.name}`);
  const { node_id, name, full_name, private: hidden } = expectObject(answer, `repository ${id}`);
  return { id, node_id, name, full_name, private: hidden };
}

async function readOwner(github: GitHub, login: string): Promise<Record<string, unknown>> {
  if (github.state.accounts.get(login) !== "Organization") return readAccount(github, login);
  return { ...asRecord((await github.as(login, "GET", `/orgs/${login}`)).body), type: "Organization" };
}
