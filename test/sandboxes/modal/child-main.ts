/** A process of ours with sandboxes at Modal; it says how far it came on its output, one word a line. */
import { DistillerError } from "../../../src/errors.ts";
import { createModalProvider } from "../../../src/sandboxes/modal.ts";
import { providerOptions, run, usual } from "./provider-session.ts";

const [stateFolder = "", what = "use", settings = "{}"] = process.argv.slice(2);

try {
  await using provider = await createModalProvider({ ...providerOptions(stateFolder), ...JSON.parse(settings) });
  {
    await using _spare = await provider.create(usual);
  }
  await using sandbox = await provider.create({ ...usual, network: "full" });
  say("running");
  if (what === "hold") await run(sandbox, ["sleep", "300"], { timeoutMs: 400_000 });
  await run(sandbox, ["sleep", "0.5"]);
  if (what === "keep") await sandbox.snapshot({ key: "of-a-child", paths: [] });
} catch (error) {
  say(error instanceof DistillerError ? error.code : String(error));
}
say("done");

function say(word: string): void {
  process.stdout.write(`${word}\n`);
}
