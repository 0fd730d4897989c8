import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { deflateSync } from "node:zlib";

let packed: string | undefined;

/** The command that starts the agent in a machine: packed, since a command may be 64 KiB long and no more. */
export function agentCommand(request: { op: "serve" } | { op: "idle"; seconds: number }): string[] {
  packed ??= packAgent();
  return ["python3", "-I", "-S", "-c", packed, JSON.stringify(request)];
}

function packAgent(): string {
  const text = deflateSync(readFileSync(fileURLToPath(new URL("../agent/agent.py", import.meta.url))), { level: 9 });
  return `import base64,zlib;exec(compile(zlib.decompress(base64.b64decode("${text.toString("base64")}")),"agent.py","exec"))`;
}
