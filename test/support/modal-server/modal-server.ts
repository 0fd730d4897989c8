import { mkdtempSync, readdirSync, statSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isOrphan, ownName } from "../../../src/sandboxes/owner.ts";
import { createAccounts } from "./account-calls.ts";
import { answerCalls, type RecordedCall } from "./answer-calls.ts";
import type { EmulatedSandbox } from "./emulated-sandbox.ts";
import { execCalls } from "./exec-calls.ts";
import { createFaults, type Faults } from "./faults.ts";
import { listenForCalls } from "./grpc-listener.ts";
import { imageCalls } from "./image-calls.ts";
import { ImageStore } from "./image-store.ts";
import { listMethods, loadMessages } from "./load-messages.ts";
import { sandboxCalls } from "./sandbox-calls.ts";
import { createSandboxStore } from "./sandbox-store.ts";

export interface ModalServerOptions {
  /** Root file system that every image of a registry is. */
  rootfs: string;
  /** For the files of this server; made below the system's temporary folder if not told. Not on an overlay. */
  folder?: string;
  /** Where the layers of built images stay for the next server; must be on the same file system as what is in it. */
  layerCache?: string;
}

/** Modal, as far as sandboxes go, on this machine's loopback; sandboxes are real isolated processes. Takes root. */
export interface ModalServer extends AsyncDisposable {
  url: string;
  /** What a client needs in its environment. */
  environment: {
    MODAL_SERVER_URL: string;
    MODAL_TOKEN_ID: string;
    MODAL_TOKEN_SECRET: string;
    MODAL_CONFIG_PATH: string;
    MODAL_LOGLEVEL: string;
  };
  /** Every call that arrived, refused ones included. */
  calls: readonly RecordedCall[];
  /** All sandboxes that ever were, as they are now. */
  sandboxes: readonly EmulatedSandbox[];
  /** Ids of the images that are there. */
  imageIds(): string[];
  faults: Faults;
  /** The connections for programs of sandboxes, apart from those for the rest. */
  router: { break(): Promise<void>; mend(): Promise<void> };
  violations: readonly string[];
  /** Throws where a client sent a field or called a method that the protocol does not have. */
  expectNoViolations(): void;
  /** Ends every sandbox and removes every file. */
  stop(): Promise<void>;
}

export async function startModalServer({ rootfs, folder, layerCache }: ModalServerOptions): Promise<ModalServer> {
  const parent = folder ?? tmpdir();
  await removeOrphans(parent);
  const ownFolder = mkdtempSync(join(parent, `${prefix}${ownName()}-`));
  const faults = createFaults();
  const calls: RecordedCall[] = [];
  const violations: string[] = [];
  const accounts = createAccounts();
  const images = new ImageStore({ rootfs, folder: ownFolder, layerCache, faults });
  const sandboxes = createSandboxStore({ folder: ownFolder, images, faults });

  const answer = answerCalls({
    methods: listMethods(loadMessages()),
    handlers: {
      ...accounts.handlers,
      ...imageCalls({ images, accounts }),
      ...sandboxCalls({ sandboxes, accounts, routerAccess }),
      ...execCalls({ sandboxes, images, accounts, faults, breakRouter: (forMs) => void breakFor(forMs) }),
    },
    faults,
    calls,
    violations,
    authorize: accounts.authorize,
  });
  const control = await listenForCalls({ answer });
  let router = await listenForCalls({ answer });
  const { port: routerPort } = router;
  const mend = async (): Promise<void> => {
    await router.close();
    router = await listenForCalls({ answer, port: routerPort });
  };
  let stopped = false;

  function routerAccess() {
    return { jwt: accounts.routerToken(), url: `https://127.0.0.1:${routerPort}` };
  }

  async function breakFor(milliseconds: number | undefined): Promise<void> {
    await router.close();
    if (milliseconds !== undefined) setTimeout(() => void (stopped || mend()), milliseconds);
  }

  async function stop(): Promise<void> {
    if (stopped) return;
    stopped = true;
    await Promise.all([control.close(), router.close(), sandboxes.endAll()]);
    await removeFolder(ownFolder);
  }

  const url = `http://127.0.0.1:${control.port}`;
  return {
    url,
    environment: {
      MODAL_SERVER_URL: url,
      MODAL_TOKEN_ID: accounts.token.id,
      MODAL_TOKEN_SECRET: accounts.token.secret,
      // Never the settings of whoever runs the tests.
      MODAL_CONFIG_PATH: join(ownFolder, "none.toml"),
      MODAL_LOGLEVEL: "error",
    },
    calls,
    sandboxes: sandboxes.all,
    imageIds: () => images.ids,
    faults,
    router: { break: () => router.close(), mend },
    violations,
    expectNoViolations() {
      if (violations.length > 0) throw new Error(`Against the protocol: ${violations.join("; ")}`);
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

const prefix = "codedistiller-modal-";

/** What servers left whose process was killed: their sandboxes died with them, their folders did not. */
async function removeOrphans(parent: string): Promise<void> {
  const names = readdirSync(parent).filter((name) => name.startsWith(prefix));
  const orphans = names.filter((name) => {
    const stat = statSync(join(parent, name), { throwIfNoEntry: false });
    return stat !== undefined && isOrphan(name.slice(prefix.length), Date.now() - stat.mtimeMs);
  });
  await Promise.all(orphans.map((name) => removeFolder(join(parent, name))));
}

function removeFolder(path: string): Promise<void> {
  return rm(path, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
}
