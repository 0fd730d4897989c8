import { findModalTokens } from "../../adapters/find-modal-tokens.ts";
import { type Config, resolveConfig } from "../../config.ts";
import { CancelledError, DistillerError, throwIfCancelled } from "../../errors.ts";
import { findContainerEngine } from "../../sandboxes/container/container-engine.ts";
import { findImage, nameImage } from "../../sandboxes/container/container-images.ts";
import { findRunFlags } from "../../sandboxes/container/find-run-flags.ts";
import { defaultImage } from "../../sandboxes/image.ts";
import { checkModal } from "../../sandboxes/modal/check-modal.ts";
import type { Terminal } from "../terminal.ts";
import { examineTools, findLocalProblem } from "./examine-local.ts";
import type { Finding } from "./finding.ts";

/** How long Modal, and an engine, may take to show that they work, in milliseconds. */
const modalMs = 15_000;
const containerMs = 60_000;

/**
 * Each place where programs can run, and which of them is taken, by the environment's settings. What can be tried is
 * tried; nothing is fetched or built.
 */
export async function examineSandboxes(terminal: Terminal): Promise<Finding[]> {
  const config = resolveConfig({ flags: {}, file: null, environment: terminal.environment });
  const [modal, container, local] = await Promise.all([
    examineModal(terminal),
    examineContainers(terminal, config),
    examineBubblewrap(terminal),
  ]);
  const places = { modal, container, local };
  const choice = describeChoice(config, places);
  const stopped = choice.finding.state === "missing";
  const findings = Object.entries(places).map(([kind, finding]): Finding => {
    const isMissed = stopped && finding.state === "absent" && (config.sandbox === "auto" || config.sandbox === kind);
    // Modal is paid for, and nobody has to have it.
    return isMissed && (kind !== "modal" || config.sandbox === "modal") ? { ...finding, state: "missing" } : finding;
  });
  const tools = choice.runsHere ? await examineTools(terminal) : [];
  return [...findings, choice.finding, ...tools];
}

async function examineModal(terminal: Terminal): Promise<Finding> {
  const name = "modal";
  const tokens = findModalTokens(terminal);
  if (tokens === null)
    return {
      name,
      state: "absent",
      detail: "no token",
      advice: "To run programs at Modal: set MODAL_TOKEN_ID and MODAL_TOKEN_SECRET, or make ~/.modal.toml.",
    };
  try {
    await checkModal({ deadlineMs: modalMs });
    return { name, state: "found", detail: `${tokens}, and Modal accepts it`, advice: "" };
  } catch (error) {
    if (!(error instanceof DistillerError)) throw error;
    return { name, state: "limited", detail: tokens, advice: error.userMessage };
  }
}

async function examineContainers(terminal: Terminal, config: Config): Promise<Finding> {
  const name = "container";
  const signal = AbortSignal.any([terminal.signal, AbortSignal.timeout(containerMs)]);
  let engineName = "";
  try {
    const wanted = config.container_engine ?? undefined;
    const engine = await findContainerEngine({ environment: terminal.environment, wanted, signal });
    engineName = `${engine.name} ${engine.version}`;
    const image = nameImage(config.sandbox_image ?? defaultImage);
    if ((await findImage(engine, image, signal)) === null) {
      const made = config.sandbox_image === null ? "built" : "fetched";
      return {
        name,
        state: "limited",
        detail: `${engineName}, but its image ${image} is not there`,
        advice: `It is ${made} when the first run begins, which takes minutes. CODEDISTILLER_SANDBOX_IMAGE names another.`,
      };
    }
    await findRunFlags({ engine, image, shown: null, signal });
    return { name, state: "found", detail: `${engineName}, image ${image}`, advice: "" };
  } catch (error) {
    throwIfCancelled(terminal.signal);
    if (error instanceof CancelledError)
      return { name, state: "absent", detail: `${engineName || "the engine"} does not answer`, advice: "" };
    if (!(error instanceof DistillerError)) throw error;
    return { name, state: "absent", detail: engineName || "no engine", advice: error.userMessage };
  }
}

async function examineBubblewrap(terminal: Terminal): Promise<Finding> {
  const name = "bubblewrap";
  const problem = await findLocalProblem(terminal);
  return problem === null
    ? { name, state: "found", detail: "programs run isolated from this machine", advice: "" }
    : { name, state: "absent", detail: "programs cannot be isolated by it", advice: problem };
}

type Place = "modal" | "container" | "local";

/** Which place a run takes, as createProvider does. */
function describeChoice(
  { sandbox, sandbox_image, container_engine }: Config,
  places: Record<Place, Finding>,
): { finding: Finding; runsHere: boolean } {
  const name = "sandbox";
  if (sandbox === "none")
    return {
      runsHere: true,
      finding: {
        name,
        state: "limited",
        detail: "none, as the environment's settings say: programs run on this machine without isolation",
        advice: "Unset CODEDISTILLER_SANDBOX, unless all code is trusted.",
      },
    };
  if (sandbox !== "auto") {
    const works = places[sandbox].state !== "absent";
    const detail = `${sandbox}, as the environment's settings say`;
    return {
      runsHere: sandbox === "local",
      finding: works
        ? { name, state: places[sandbox].state, detail, advice: "" }
        : { name, state: "missing", detail, advice: "Unset CODEDISTILLER_SANDBOX to take the first that works." },
    };
  }
  const isImageAsked = sandbox_image !== null || container_engine !== null;
  const kinds: Place[] = ["modal", "container", ...(isImageAsked ? [] : ["local" as const])];
  const taken = kinds.find((kind) => places[kind].state !== "absent");
  if (taken === undefined)
    return {
      runsHere: true,
      finding: {
        name,
        state: "missing",
        detail: "auto finds nothing that programs can run in",
        advice: "Bring one of the above.",
      },
    };
  const why = { modal: "its token is set", container: "no Modal token is set", local: "there is nothing else" }[taken];
  const state = places[taken].state;
  const advice = state === "limited" && taken === "modal" ? "Without Modal: --sandbox container, or local." : "";
  return { runsHere: taken === "local", finding: { name, state, detail: `auto takes ${taken}: ${why}`, advice } };
}
