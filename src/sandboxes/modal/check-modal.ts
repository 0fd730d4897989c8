import { DistillerError } from "../../errors.ts";
import { callModal } from "./call-modal.ts";
import { isNotFound } from "./describe-modal-error.ts";
import { openModalClient } from "./modal-client.ts";

/** Asks Modal one thing that changes nothing; throws SandboxError where it does not accept us or does not answer in time. */
export async function checkModal({ appName = "codedistiller", deadlineMs }: { appName?: string; deadlineMs: number }) {
  const { client, close } = await openModalClient();
  try {
    await callModal({ what: "a look at its apps", deadlineMs }, () => client.apps.fromName(appName));
  } catch (error) {
    // Before the first run there is no app of that name: whoever is told so was let in.
    if (!(error instanceof DistillerError) || !isNotFound(error.cause)) throw error;
  } finally {
    close();
  }
}
