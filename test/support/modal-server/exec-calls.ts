import type { Accounts } from "./account-calls.ts";
import { EmulatedExec } from "./emulated-exec.ts";
import type { EmulatedSandbox } from "./emulated-sandbox.ts";
import type { Faults } from "./faults.ts";
import { GrpcError } from "./grpc-error.ts";
import type { ImageStore } from "./image-store.ts";
import type { ExecReference, Handlers, Message, Requests } from "./protocol.ts";
import type { SandboxStore } from "./sandbox-store.ts";

type ExecCallNames =
  | "TaskExecStart"
  | "TaskExecStdioRead"
  | "TaskExecStdinWrite"
  | "TaskExecStdinStatus"
  | "TaskExecPoll"
  | "TaskExecWait"
  | "TaskSnapshotFilesystem";

export interface ExecCallsOptions {
  sandboxes: SandboxStore;
  images: ImageStore;
  accounts: Accounts;
  faults: Faults;
  /** Breaks and refuses the connections for programs. */
  breakRouter: (forMs: number | undefined) => void;
}

/** The programs of sandboxes, and what is kept of their files. */
export function execCalls(options: ExecCallsOptions): Handlers<ExecCallNames> {
  const { sandboxes, images, faults } = options;
  const find = ({ taskId, execId }: ExecReference): EmulatedExec => {
    const exec = sandboxes.getByTask(taskId).execs.get(execId);
    if (exec === undefined) throw new GrpcError("NOT_FOUND", `Exec ${execId} not found.`);
    return exec;
  };
  return {
    TaskExecStart(request) {
      const sandbox = sandboxes.getByTask(request.taskId);
      // Sent again, since the answer was lost.
      if (sandbox.execs.has(request.execId)) return {};
      startExec(sandbox, request, options);
      const end = faults.take("end-sandbox");
      if (end) sandbox.after(end.afterMs ?? 0, () => void sandbox.breakDown(end.how));
      const outage = faults.take("router-outage");
      if (outage) setTimeout(() => options.breakRouter(outage.forMs), outage.afterMs ?? 0);
      return {};
    },
    async *TaskExecStdioRead(request, signal) {
      const exec = find(request);
      const spool = request.fileDescriptor === 0 ? exec.stdout : exec.stderr;
      let bytes = 0;
      for await (const data of spool.read(request.offset, signal)) {
        const broken = faults.take("break-output");
        if (broken && bytes + data.length > broken.afterBytes) {
          yield { data: data.subarray(0, broken.afterBytes - bytes) };
          throw new GrpcError("UNAVAILABLE", "The stream was broken off.");
        }
        // Not this time: the output has not come so far.
        if (broken) faults.add(broken);
        bytes += data.length;
        yield { data };
      }
    },
    async TaskExecStdinWrite({ offset, data, eof, ...reference }) {
      await find(reference).writeStdin(offset, data, eof);
      return {};
    },
    TaskExecStdinStatus: (reference) => find(reference).stdinStatus,
    TaskExecPoll: (reference) => statusOf(find(reference)),
    async TaskExecWait(reference) {
      const exec = find(reference);
      await exec.ended;
      return statusOf(exec);
    },
    async TaskSnapshotFilesystem({ taskId, snapshotId, ttlSeconds = -1 }) {
      const sandbox = sandboxes.getByTask(taskId);
      return { imageId: (await images.snapshot({ sandbox, snapshotId, ttlSeconds })).id };
    },
  };
}

function startExec(
  sandbox: EmulatedSandbox,
  request: Requests["TaskExecStart"],
  { accounts, faults }: ExecCallsOptions,
): void {
  const { execId, commandArgs, stdoutConfig, stderrConfig, timeoutSecs, workdir, secretSources } = request;
  if (commandArgs.length === 0) throw new GrpcError("INVALID_ARGUMENT", "There is no command.");
  const program = sandbox.place.enter({
    argv: commandArgs,
    workingFolder: workdir ?? sandbox.workingFolder,
    environment: { ...sandbox.environment, ...accounts.variablesOf(secretSources) },
  });
  const late = timeoutSecs === undefined ? undefined : faults.take("late-kill");
  const exec = new EmulatedExec({
    program,
    execId,
    folder: sandbox.outputFolder,
    keep: { stdout: stdoutConfig !== 0, stderr: stderrConfig !== 0 },
    timeoutMs: timeoutSecs === undefined ? null : timeoutSecs * 1000 + (late?.ms ?? 0),
  });
  sandbox.execs.set(execId, exec);
  void exec.ended.then(() => sandbox.touch());
}

/** Empty while it runs. */
function statusOf({ end, lost }: EmulatedExec): Message {
  if (lost) throw new GrpcError("NOT_FOUND", "The task is not running.");
  return end === null ? {} : { ...end };
}
