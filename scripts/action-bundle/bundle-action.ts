import { chmodSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { copyRunTimeFiles } from "../copy-run-time-files.ts";
import { type BundledCode, bundleCode } from "./bundle-code.ts";
import { collectLicenses } from "./collect-licenses.ts";
import { copyGrammars } from "./copy-grammars.ts";
import { findPackage } from "./find-package.ts";

export interface BundleOptions {
  /** Of the checkout, absolute. */
  root: string;
  /** The module to begin with, below the root. */
  entry: string;
  /** Folder to write; what was there goes. */
  target: string;
}

/** Writes the Action's bundle: a file of code, beside it the files that it reads, and the licences of the packages in it. */
export async function bundleAction({ root, entry, target }: BundleOptions): Promise<BundledCode> {
  const bundled = await bundleCode({ root, entry });
  rmSync(target, { recursive: true, force: true });
  mkdirSync(target, { recursive: true });
  writeFileSync(join(target, "index.js"), bundled.code);
  // Node asks the nearest package what kind of module this is, wherever the folder lies.
  writeFileSync(join(target, "package.json"), '{ "type": "module" }\n');
  copyRunTimeFiles({ root, target });
  const wasm = copyGrammars({ root, target });
  const packages = [...bundled.modules.keys(), ...wasm].map(findPackage).filter((each) => each !== null);
  writeFileSync(join(target, "licenses.txt"), collectLicenses(packages));
  evenModes(target);
  return bundled;
}

/** Packages differ in which files they call executable, and git keeps it. */
function evenModes(folder: string): void {
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true }))
    if (entry.isFile()) chmodSync(join(entry.parentPath, entry.name), 0o644);
}
