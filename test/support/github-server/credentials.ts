import { generateKeyPairSync } from "node:crypto";

/** The app's key, made once a process: it takes most of a second. */
let made: string | undefined;

export function appPrivateKey(): string {
  made ??= generateKeyPairSync("rsa", {
    modulusLength: 2048,
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
    publicKeyEncoding: { type: "spki", format: "pem" },
  }).privateKey;
  return made;
}

export const appId = 4711;
export const webhookSecret = "a-secret-of-the-tests-only";
export const firstInstallationId = 5001;

/** Who acts where a request shows a workflow's own token, as it is everywhere on GitHub. */
export const workflowAccount = { login: "github-actions[bot]", id: 41_898_282, nodeId: "MDM6Qm90NDE4OTgyODI=" };

/** What the app's manifest asks for. */
export const appPermissions = {
  checks: "write",
  contents: "write",
  issues: "write",
  metadata: "read",
  pull_requests: "write",
};
export const appEvents = ["issue_comment", "issues", "pull_request", "push", "delete", "repository"];
