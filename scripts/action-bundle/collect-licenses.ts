import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { BundledPackage } from "./find-package.ts";

/** Name, version and licence of each package, as their licences ask of whoever hands them on. */
export function collectLicenses(packages: readonly BundledPackage[]): string {
  const texts = new Map(packages.map((one) => [`${one.name} ${one.version}`, describe(one)]));
  // By code points: the order must not depend on anybody's language.
  const names = [...texts.keys()].sort();
  return `${names.map((name) => texts.get(name)).join(`\n\n${"=".repeat(80)}\n\n`)}\n`;
}

function describe({ name, version, license, folder }: BundledPackage): string {
  const files = readdirSync(folder)
    .filter((file) => /^(licen[cs]e|copying|notice)/i.test(file))
    .sort();
  const texts = files.map((file) => readFileSync(join(folder, file), "utf8").replaceAll("\r\n", "\n").trim());
  if (texts.length === 0 && license === undefined) throw new Error(`${name} ${version} says nothing of its licence.`);
  const heading = `${name} ${version}${license === undefined ? "" : ` (${license})`}`;
  if (texts.length === 0) texts.push("The package brings no text of it.");
  return [heading, ...texts].join("\n\n");
}
