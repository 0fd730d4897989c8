import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";

const Manifest = z.object({ name: z.string(), version: z.string(), license: z.string().optional() });

export interface BundledPackage extends z.infer<typeof Manifest> {
  folder: string;
}

const packagePath = /^(.*\/node_modules\/((?:@[^/]+\/)?[^/@.][^/]*))\//;

/** Null for a module of ours, or of the bundler. */
export function packageNameOf(moduleId: string): string | null {
  return packagePath.exec(moduleId)?.[2] ?? null;
}

/** The package that a module belongs to. */
export function findPackage(moduleId: string): BundledPackage | null {
  const folder = packagePath.exec(moduleId)?.[1];
  if (folder === undefined) return null;
  return { ...Manifest.parse(JSON.parse(readFileSync(join(folder, "package.json"), "utf8"))), folder };
}
