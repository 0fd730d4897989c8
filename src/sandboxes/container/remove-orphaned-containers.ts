import { isOrphan } from "../owner.ts";
import type { Leftover, ReapOptions } from "../sandbox.ts";
import type { ContainerEngine } from "./container-engine.ts";
import { createdLabel, ownerLabel } from "./container-machine.ts";

/** Removes containers of ours whose process is no more. They are known by their labels; nothing else is touched. */
export async function removeOrphanedContainers(
  engine: ContainerEngine,
  { dryRun, signal }: ReapOptions,
): Promise<Leftover[]> {
  const call = { signal };
  const listed = await engine.run(["ps", "--all", "--quiet", "--no-trunc", "--filter", `label=${ownerLabel}`], call);
  const ids = listed.stdout.split("\n").filter((id) => /^[0-9a-f]{12,64}$/.test(id));
  if (!listed.worked || ids.length === 0) return [];
  const format = `{{.Name}} {{index .Config.Labels "${ownerLabel}"}} {{index .Config.Labels "${createdLabel}"}}`;
  // One that ends meanwhile makes the command fail; the others are named all the same.
  const inspected = await engine.run(["inspect", "--type", "container", "--format", format, ...ids], call);
  const orphans = inspected.stdout.split("\n").flatMap((line): Leftover[] => {
    const [name = "", owner = "", created = ""] = line.split(" ");
    const ageMs = Date.now() - Date.parse(created);
    return owner !== "" && ageMs >= 0 && isOrphan(owner, ageMs)
      ? [{ kind: "sandbox", name: name.replace("/", ""), ageMs }]
      : [];
  });
  if (!dryRun && orphans.length > 0)
    await engine.run(["rm", "--force", "--volumes", ...orphans.map(({ name }) => name)], call);
  return orphans;
}
