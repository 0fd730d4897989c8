import { z } from "zod";
import { DistillerError, SandboxError } from "../../errors.ts";
import { lostSandbox } from "../command.ts";

/** Status codes of gRPC: https://grpc.io/docs/guides/status-codes/ */
const status = {
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  unavailable: 14,
  unauthenticated: 16,
};

/** What an error of the SDK means for a run: none of them is the example's fault. */
export function describeModalError(error: unknown, what: string): DistillerError {
  if (error instanceof DistillerError) return error;
  const { name, message } = error instanceof Error ? error : { name: "", message: String(error) };
  const { code, details } = readStatus(error);
  const detail = (details || message).slice(0, 300).replace(/\.$/, "");
  if (/missing credentials/.test(message))
    return new SandboxError({
      code: "sandbox-credentials",
      userMessage:
        "No token for Modal is set: set MODAL_TOKEN_ID and MODAL_TOKEN_SECRET, or make one by `modal token new`.",
      cause: error,
    });
  if (code === status.unauthenticated || code === status.permissionDenied)
    return new SandboxError({
      code: "sandbox-credentials",
      userMessage: `Modal does not accept the token (${detail}): set MODAL_TOKEN_ID and MODAL_TOKEN_SECRET, or make a new one by \`modal token new\`.`,
      cause: error,
    });
  if (code === status.resourceExhausted || name === "ResourceExhaustedError")
    return new SandboxError({
      code: "sandbox-quota",
      userMessage: `Modal has no room for another sandbox (${detail}): wait, run fewer at a time, or raise the limits of the workspace.`,
      retryable: true,
      cause: error,
    });
  if (code === status.invalidArgument || code === status.failedPrecondition)
    return new SandboxError({
      code: "sandbox-settings",
      userMessage: `Modal refuses ${what} as it was asked for (${detail}): look at gpu, sandbox_image, sandbox_cpu_cores, memory and egress_domains of the configuration, and at what the workspace allows.`,
      cause: error,
    });
  if (name === "ConflictError")
    return new SandboxError({
      code: "sandbox-not-started",
      userMessage: `Modal ended the sandbox before it had started (${detail}): try again; where that does not help, look at the image, and at https://status.modal.com.`,
      retryable: true,
      cause: error,
    });
  if (isNotFound(error)) return lostSandbox(`${what}: ${detail}`, error);
  if (code === status.unavailable || code === status.deadlineExceeded || /Timeout/.test(name))
    return outage(`${what}: ${detail}`, error);
  return new SandboxError({
    code: "sandbox-failed",
    userMessage: `Modal failed in ${what}: ${detail}`,
    retryable: true,
    cause: error,
  });
}

/** Of a sandbox that is there already, which no setting can be wrong for: it cannot be used any more. */
export function asLost(error: DistillerError): DistillerError {
  return /^sandbox-(failed|settings)$/.test(error.code) ? lostSandbox(error.userMessage, error) : error;
}

/** It is gone, or we have let go of it. */
export function isNotFound(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return readStatus(error).code === status.notFound || /^(NotFoundError|ClientClosedError)$/.test(error.name);
}

const Status = z.object({ code: z.number(), details: z.string().catch("") });

/** The status of a call, where it came to one; its message names the method as well. */
function readStatus(error: unknown): Partial<z.infer<typeof Status>> {
  return Status.safeParse(error).data ?? {};
}

export function outage(detail: string, cause?: unknown): SandboxError {
  return new SandboxError({
    code: "sandbox-outage",
    userMessage: `Modal does not answer (${detail}). The example is not to blame; see https://status.modal.com, then try again.`,
    retryable: true,
    cause,
  });
}
