import type { ModalClient, ModalClientParams } from "modal";
import { SandboxError } from "../../errors.ts";

export type Middleware = NonNullable<ModalClientParams["grpcMiddleware"]>[number];

export interface OpenModalClient {
  client: ModalClient;
  /** Ends calls that are still under way: one that is never answered would keep the process alive. */
  close(): void;
}

/** The SDK, with address and tokens as it finds them; throws SandboxError where they cannot be used at all. */
export async function openModalClient(middleware: readonly Middleware[] = []): Promise<OpenModalClient> {
  // Half a second of start-up that only those pay who use it.
  const sdk = await import("modal");
  const closing = new AbortController();
  const grpcMiddleware = [...middleware, endWith(closing.signal)];
  try {
    const client = new sdk.ModalClient({ grpcMiddleware, logger: silence });
    return {
      client,
      close() {
        closing.abort();
        client.close();
      },
    };
  } catch (error) {
    throw new SandboxError({
      code: "sandbox-settings",
      userMessage: `The settings of Modal cannot be used (${error instanceof Error ? error.message.slice(0, 300) : error}): look at MODAL_SERVER_URL, MODAL_PROFILE and ~/.modal.toml.`,
      cause: error,
    });
  }
}

function endWith(closing: AbortSignal): Middleware {
  return (call, options) => {
    const signal = options.signal ? AbortSignal.any([options.signal, closing]) : closing;
    return call.next(call.request, { ...options, signal });
  };
}

/** It would write to our standard output; what matters comes as an error. */
const silence = { debug() {}, info() {}, warn() {}, error() {} };
