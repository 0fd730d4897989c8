import type { Accounts } from "./account-calls.ts";
import { GrpcError } from "./grpc-error.ts";
import { genericStatus, type Handlers } from "./protocol.ts";
import { isRunning, readTags, type SandboxStore, writeTags } from "./sandbox-store.ts";

type SandboxCallNames =
  | "SandboxCreate"
  | "SandboxCreateV2"
  | "SandboxGetTaskId"
  | "SandboxGetCommandRouterAccess"
  | "TaskGetCommandRouterAccess"
  | "SandboxWait"
  | "SandboxList"
  | "SandboxTerminate"
  | "SandboxTagsSet"
  | "SandboxTagsGet"
  | "SandboxGetFromName";

export interface SandboxCallsOptions {
  sandboxes: SandboxStore;
  accounts: Accounts;
  /** How the programs of sandboxes are reached. */
  routerAccess: () => { jwt: string; url: string };
}

/** The life of sandboxes, from their making to their end. */
export function sandboxCalls({ sandboxes, accounts, routerAccess }: SandboxCallsOptions): Handlers<SandboxCallNames> {
  return {
    async SandboxCreate({ appId, definition, tags }) {
      accounts.checkApp(appId);
      const environment = accounts.variablesOf((definition?.secretIds ?? []).map((secretId) => ({ secretId })));
      return { sandboxId: (await sandboxes.create({ version: 1, appId, definition, tags, environment })).id };
    },
    async SandboxCreateV2({ appId, definition, tags, secretSources }) {
      accounts.checkApp(appId);
      const environment = accounts.variablesOf(secretSources);
      const sandbox = await sandboxes.create({ version: 2, appId, definition, tags, environment });
      if (sandbox.result !== undefined) return { sandboxId: sandbox.id };
      return { sandboxId: sandbox.id, taskId: sandbox.taskId, commandRouterAccess: routerAccess() };
    },
    SandboxGetTaskId({ sandboxId }) {
      const sandbox = sandboxes.get(sandboxId);
      const { result, taskId } = sandbox;
      if (result?.status === genericStatus.initFailure) return { taskResult: result };
      return result === undefined ? { taskId } : { taskId, taskResult: result };
    },
    SandboxGetCommandRouterAccess({ sandboxId = "" }) {
      sandboxes.get(sandboxId);
      return routerAccess();
    },
    TaskGetCommandRouterAccess({ taskId }) {
      sandboxes.getByTask(taskId);
      return routerAccess();
    },
    async SandboxWait({ sandboxId, timeout }, signal) {
      const sandbox = sandboxes.get(sandboxId);
      await sandbox.waitForEnd(timeout * 1000, signal);
      return sandbox.result === undefined ? {} : { result: sandbox.result };
    },
    SandboxList({ appId, beforeTimestamp, includeFinished, tags }) {
      const wanted = Object.entries(readTags(tags));
      const found = sandboxes.all
        .filter((sandbox) => includeFinished || isRunning(sandbox))
        .filter((sandbox) => appId === "" || sandbox.appId === appId)
        .filter((sandbox) => beforeTimestamp === 0 || sandbox.createdAt < beforeTimestamp)
        .filter((sandbox) => wanted.every(([name, value]) => sandbox.tags[name] === value));
      const page = found.slice(-pageSize).toReversed();
      return {
        sandboxes: page.map((sandbox) => ({
          id: sandbox.id,
          createdAt: sandbox.createdAt,
          appId: sandbox.appId,
          tags: writeTags(sandbox.tags),
          name: sandbox.name,
          imageId: sandbox.image.id,
        })),
      };
    },
    async SandboxTerminate({ sandboxId }) {
      const sandbox = sandboxes.get(sandboxId);
      const { result } = sandbox;
      await sandbox.end({ status: genericStatus.terminated, exitcode: 137 });
      return result === undefined ? {} : { existingResult: result };
    },
    SandboxTagsSet({ sandboxId, tags }) {
      sandboxes.get(sandboxId).tags = readTags(tags);
      return {};
    },
    SandboxTagsGet: ({ sandboxId }) => ({ tags: writeTags(sandboxes.get(sandboxId).tags) }),
    SandboxGetFromName({ sandboxName, appName, includeTerminated }) {
      const appId = accounts.findApp(appName);
      const found = sandboxes.all.findLast(
        (sandbox) =>
          sandbox.name === sandboxName && sandbox.appId === appId && (includeTerminated || isRunning(sandbox)),
      );
      if (found === undefined) throw new GrpcError("NOT_FOUND", `Sandbox with name '${sandboxName}' not found`);
      return { sandboxId: found.id };
    },
  };
}

/** Small, so that clients have to turn pages. */
const pageSize = 10;
