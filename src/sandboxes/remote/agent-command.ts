import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { deflateSync } from "node:zlib";

let packed: string | undefined;

/** The command that starts the agent in a machine: packed, since a command may be 64 KiB long and no more. */
export function agentCommand(request: { op: "serve" } | { op: "idle"; seconds: number }): string[] {
  packed ??= packAgent();
  return ["python3", "-I", "-S", "-c", packed, JSON.stringify(request)];
}

/** All modules of the agent in its loader, which tells the format. */
function packAgent(): string {
  const folder = fileURLToPath(new URL("../agent", import.meta.url));
  const texts = readdirSync(folder)
    .filter((file) => file.endsWith(".py") && file !== "loader.py")
    .map((file) => [basename(file, ".py"), readFileSync(join(folder, file), "utf8")]);
  const modules = deflateSync(JSON.stringify(Object.fromEntries(texts)), { level: 9 });
  return readFileSync(join(folder, "loader.py"), "utf8").replace("@MODULES@", modules.toString("base64"));
}
