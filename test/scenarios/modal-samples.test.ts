import { afterAll, beforeAll, describe } from "vitest";
import { type ModalServer, startModalServer } from "../support/modal-server/modal-server.ts";
import { describeSampleRepositories } from "../support/sample-repositories.ts";
import { sandboxImage } from "../support/sandbox-image.ts";

const image = await sandboxImage();

describe.runIf(image !== null)("with Modal's emulator", () => {
  let server: ModalServer;
  beforeAll(async () => {
    server = await startModalServer({ rootfs: image?.rootfs ?? "" });
  });
  afterAll(async () => {
    server?.expectNoViolations();
    await server?.[Symbol.asyncDispose]();
  });

  describeSampleRepositories("at Modal", {
    provider: "modal",
    environment: () => ({
      ...server.environment,
      CODEDISTILLER_SANDBOX: "modal",
      CODEDISTILLER_SANDBOX_IMAGE: "debian:12",
    }),
  });
});
