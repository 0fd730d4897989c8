import { join } from "node:path";
import type { Plugin } from "rolldown";
import { findPackage } from "./find-package.ts";

/** The Action's toolkit brings the same undici more than once: a tenth of what is evaluated at the start. */
export function shareUndici(root: string): Plugin {
  const toolkit = join(root, "node_modules/@actions/http-client/lib/index.js");
  return {
    name: "share-undici",
    resolveId: {
      filter: { id: /^undici$/ },
      async handler(source, importer, { kind }) {
        const own = await this.resolve(source, importer, { kind, skipSelf: true });
        const shared = await this.resolve(source, toolkit, { kind, skipSelf: true });
        if (!own || !shared) return own;
        return findPackage(own.id)?.version === findPackage(shared.id)?.version ? shared : own;
      },
    },
  };
}
