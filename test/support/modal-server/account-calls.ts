import { randomBytes } from "node:crypto";
import { GrpcError } from "./grpc-error.ts";
import type { ReceivedCall } from "./grpc-listener.ts";
import { creationType, type Handlers, type SecretSource } from "./protocol.ts";

export interface Accounts {
  readonly token: { id: string; secret: string };
  handlers: Handlers<"AuthTokenGet" | "AppGetOrCreate" | "EnvironmentGetOrCreate" | "SecretGetOrCreate">;
  checkApp(appId: string): void;
  /** Null where there is none. */
  findApp(name: string): string | null;
  /** What secrets and plain variables come to; later ones win. */
  variablesOf(sources: readonly SecretSource[]): Record<string, string>;
  /** Throws UNAUTHENTICATED for anybody but the one who has the tokens. */
  authorize(call: ReceivedCall): void;
  routerToken(): string;
}

/** Tokens, apps and secrets of one account with one environment. */
export function createAccounts(): Accounts {
  const token = { id: `ak-${randomBytes(8).toString("hex")}`, secret: `as-${randomBytes(8).toString("hex")}` };
  const apps = new Map<string, string>();
  const secrets = new Map<string, Record<string, string>>();
  const routerToken = makeToken();
  return {
    token,
    handlers: {
      AuthTokenGet: () => ({ token: makeToken() }),
      AppGetOrCreate({ appName, objectCreationType }) {
        if (!apps.has(appName)) {
          if (objectCreationType !== creationType.createIfMissing) {
            throw new GrpcError("NOT_FOUND", `App '${appName}' not found.`);
          }
          apps.set(appName, `ap-${randomBytes(11).toString("hex")}`);
        }
        return { appId: apps.get(appName) };
      },
      EnvironmentGetOrCreate: ({ deploymentName }) => ({
        environmentId: "en-main",
        metadata: { name: deploymentName || "main", settings: { imageBuilderVersion: "2025.06" } },
      }),
      SecretGetOrCreate({ deploymentName, objectCreationType, envDict }) {
        if (objectCreationType !== creationType.ephemeral) {
          throw new GrpcError("NOT_FOUND", `Secret '${deploymentName}' not found.`);
        }
        const secretId = `st-${randomBytes(11).toString("hex")}`;
        secrets.set(secretId, envDict);
        return { secretId };
      },
    },
    checkApp(appId) {
      if (![...apps.values()].includes(appId)) throw new GrpcError("NOT_FOUND", `App ${appId} not found.`);
    },
    findApp: (name) => apps.get(name) ?? null,
    variablesOf(sources) {
      const contents = sources.map(({ secretId, env }) => {
        if (env !== undefined) return env.contents;
        const secret = secrets.get(secretId ?? "");
        if (secret === undefined) throw new GrpcError("NOT_FOUND", `Secret ${secretId} not found.`);
        return secret;
      });
      return Object.assign({}, ...contents);
    },
    authorize({ path, headers }) {
      const known = path.startsWith("/modal.task_command_router.")
        ? headers.authorization === `Bearer ${routerToken}`
        : headers["x-modal-token-id"] === token.id && headers["x-modal-token-secret"] === token.secret;
      if (!known) throw new GrpcError("UNAUTHENTICATED", "Token missing or invalid.");
    },
    routerToken: () => routerToken,
  };
}

/** In the form of https://www.rfc-editor.org/rfc/rfc7519; nobody checks the signature. */
function makeToken(): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  return [part({ alg: "none" }), part({ exp: Math.floor(Date.now() / 1000) + 3600 }), "unsigned"].join(".");
}
