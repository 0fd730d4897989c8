import { access, constants, mkdir, statfs } from "node:fs/promises";
import { stateFolderOf } from "../../adapters/host.ts";
import { findProviderKey, modelsByKey, providerKeyVariables } from "../../config.ts";
import type { Terminal } from "../terminal.ts";
import { type Finding, firstLineOf } from "./finding.ts";

export async function checkNode(): Promise<Finding> {
  return { name: "node", state: "found", detail: process.versions.node, advice: "" };
}

export async function checkGit(terminal: Terminal): Promise<Finding> {
  const version = await firstLineOf("git", ["--version"], terminal);
  return version
    ? { name: "git", state: "found", detail: version, advice: "" }
    : { name: "git", state: "missing", detail: "not found", advice: "apt-get install git" };
}

export async function checkCompiler(terminal: Terminal): Promise<Finding> {
  const version = await firstLineOf("cc", ["--version"], terminal);
  return version
    ? { name: "compiler", state: "found", detail: version, advice: "" }
    : {
        name: "compiler",
        state: "limited",
        detail: "no C compiler: repositories with C extensions cannot be built",
        advice: "apt-get install build-essential",
      };
}

export async function checkDisk(terminal: Terminal): Promise<Finding> {
  const folder = stateFolderOf(terminal);
  try {
    await mkdir(folder, { recursive: true });
    await access(folder, constants.W_OK);
    const { bavail, bsize } = await statfs(folder);
    const freeGb = Math.round((bavail * bsize) / 1e8) / 10;
    return freeGb < 5
      ? {
          name: "disk",
          state: "limited",
          detail: `${freeGb} GB free at ${folder}`,
          advice: "Environments take up to several GB: free space, or set CODEDISTILLER_CACHE.",
        }
      : { name: "disk", state: "found", detail: `${freeGb} GB free at ${folder}`, advice: "" };
  } catch {
    return {
      name: "disk",
      state: "missing",
      detail: `${folder} cannot be written`,
      advice: "Set CODEDISTILLER_CACHE to a folder that can.",
    };
  }
}

export function checkModels({ environment }: Terminal): Finding {
  const keys = providerKeyVariables.filter((name) => environment[name]?.trim());
  const chosen = findProviderKey(environment);
  const writes = chosen ? `; ${modelsByKey[chosen].model_str_code} writes where --model names no other` : "";
  return {
    name: "models",
    state: "found",
    detail:
      keys.length > 0
        ? `${keys.join(", ")} set${writes}`
        : "no provider key: builtin/extract is used, which needs none",
    advice: "",
  };
}
