/** The messages of `control-messages.ts` and `router-messages.ts` as they are after decoding: everything is filled in but what is optional. */
export interface Requests {
  AuthTokenGet: Record<string, never>;
  AppGetOrCreate: { appName: string; environmentName: string; objectCreationType: number };
  EnvironmentGetOrCreate: { deploymentName: string };
  SecretGetOrCreate: { deploymentName: string; objectCreationType: number; envDict: Record<string, string> };
  ImageGetOrCreate: { image: ImageDefinition | null; appId: string; forceBuild: boolean };
  ImageJoinStreaming: { imageId: string; timeout: number; lastEntryId: string };
  ImageFromId: { imageId: string };
  ImageDelete: { imageId: string };
  SandboxCreate: { appId: string; definition: SandboxDefinition | null; tags: SandboxTag[] };
  SandboxCreateV2: {
    appId: string;
    definition: SandboxDefinition | null;
    tags: SandboxTag[];
    secretSources: SecretSource[];
  };
  SandboxGetTaskId: { sandboxId: string; timeout?: number };
  SandboxGetCommandRouterAccess: { sandboxId?: string };
  TaskGetCommandRouterAccess: { taskId: string };
  SandboxWait: { sandboxId: string; timeout: number };
  SandboxList: { appId: string; beforeTimestamp: number; includeFinished: boolean; tags: SandboxTag[] };
  SandboxTerminate: { sandboxId: string };
  SandboxTagsSet: { sandboxId: string; tags: SandboxTag[] };
  SandboxTagsGet: { sandboxId: string };
  SandboxGetFromName: { sandboxName: string; appName: string; includeTerminated: boolean };
  TaskExecStart: {
    taskId: string;
    execId: string;
    commandArgs: string[];
    stdoutConfig: number;
    stderrConfig: number;
    timeoutSecs?: number;
    workdir?: string;
    secretSources: SecretSource[];
  };
  TaskExecStdioRead: ExecReference & { offset: number; fileDescriptor: number };
  TaskExecStdinWrite: ExecReference & { offset: number; data: Buffer; eof: boolean };
  TaskExecStdinStatus: ExecReference;
  TaskExecPoll: ExecReference;
  TaskExecWait: ExecReference;
  TaskSnapshotFilesystem: { taskId: string; snapshotId: string; ttlSeconds?: number };
}

export interface ExecReference {
  taskId: string;
  execId: string;
}

export interface ImageDefinition {
  baseImages: Array<{ imageId: string; dockerTag: string }>;
  dockerfileCommands: string[];
  secretIds: string[];
}

export interface SandboxDefinition {
  entrypointArgs: string[];
  imageId: string;
  secretIds: string[];
  resources: SandboxResources | null;
  timeoutSecs: number;
  workdir?: string;
  networkAccess: { networkAccessType: number; allowedCidrs: string[]; allowedDomains: string[] } | null;
  name?: string;
  idleTimeoutSecs?: number;
}

/** 0 is none; memory in MiB, processors in thousandths. */
export interface SandboxResources {
  memoryMb: number;
  milliCpu: number;
  memoryMbMax: number;
  milliCpuMax: number;
  gpuConfig: { count: number; gpuType: string } | null;
}

export interface SandboxTag {
  tagName: string;
  tagValue: string;
}

export interface SecretSource {
  secretId?: string;
  env?: { contents: Record<string, string> };
}

export interface GenericResult {
  status: number;
  exception?: string;
  exitcode?: number;
}

export const genericStatus = { success: 1, failure: 2, terminated: 3, timeout: 4, initFailure: 5, idleTimeout: 7 };
export const networkAccessTypes = ["UNSPECIFIED", "OPEN", "BLOCKED", "ALLOWLIST"] as const;
export const creationType = { createIfMissing: 1, ephemeral: 5 };

/** Answers one call; a stream yields its messages. */
export type Handler<Request> = (request: Request, signal: AbortSignal) => MessageAnswer;
type MessageAnswer = Message | Promise<Message> | AsyncIterable<Message>;
export type Message = Record<string, unknown>;

export type Handlers<Names extends keyof Requests = keyof Requests> = { [Name in Names]: Handler<Requests[Name]> };
