import { styleText } from "node:util";
import { checkDisk, checkGit, checkModels, checkNode } from "./doctor/examine-machine.ts";
import { examineSandboxes } from "./doctor/examine-sandboxes.ts";
import type { Finding } from "./doctor/finding.ts";
import { exitStatus } from "./exit-status.ts";
import { printable } from "./progress.ts";
import type { Terminal } from "./terminal.ts";

export async function runDoctor(terminal: Terminal, { json }: { json: boolean }): Promise<number> {
  const findings = [
    await checkNode(),
    await checkGit(terminal),
    ...(await examineSandboxes(terminal)),
    await checkDisk(terminal),
    checkModels(terminal),
  ];
  const missing = findings.some(({ state }) => state === "missing");
  if (json) terminal.stdout.write(`${JSON.stringify({ ready: !missing, findings }, null, 2)}\n`);
  else showFindings(terminal, findings, missing);
  return missing ? exitStatus.error : exitStatus.verified;
}

function showFindings({ stdout }: Terminal, findings: readonly Finding[], missing: boolean): void {
  const colours = { found: "green", limited: "yellow", missing: "red", absent: "gray" } as const;
  for (const { name, state, detail, advice } of findings) {
    stdout.write(
      `${styleText(colours[state], state.padEnd(8), { stream: stdout })} ${name.padEnd(12)} ${printable(detail)}\n`,
    );
    if (advice) stdout.write(`${" ".repeat(22)}${printable(advice)}\n`);
  }
  stdout.write(missing ? "\nNot ready: what is missing above has to be there first.\n" : "\nReady.\n");
}
