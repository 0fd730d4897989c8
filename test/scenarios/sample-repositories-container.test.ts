import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect } from "vitest";
import { makePrivatePodman, podman } from "../support/private-podman.ts";
import { describeSampleRepositories } from "../support/sample-repositories.ts";
import { containerImage } from "../support/sandbox-image.ts";

const image = await containerImage();

describe.runIf(image !== null)("with Podman", () => {
  const folder = mkdtempSync(join(tmpdir(), "sample-repositories-"));
  const variables = image === null ? {} : makePrivatePodman(folder);
  afterAll(() => {
    const left = podman({ ...process.env, ...variables }, "ps", "--all", "--external", "--format", "{{.Names}}");
    rmSync(folder, { recursive: true, force: true });
    expect(left).toBe("");
  });

  describeSampleRepositories("in containers", {
    provider: "container",
    environment: () => ({
      ...variables,
      CODEDISTILLER_SANDBOX: "container",
      CODEDISTILLER_CONTAINER_ENGINE: "podman",
      CODEDISTILLER_SANDBOX_IMAGE: image ?? "",
    }),
  });
});
