import { readFileSync } from "node:fs";
import type { Plugin } from "rolldown";

/** Data of packages as one line of text: it is read faster, and only when it is needed. */
export function shortenData(): Plugin {
  return {
    name: "shorten-data",
    load: {
      filter: { id: /\.json$/ },
      handler(id) {
        const text = JSON.stringify(JSON.parse(readFileSync(id, "utf8")));
        return { code: `module.exports = JSON.parse(${JSON.stringify(text)});`, moduleType: "js" };
      },
    },
  };
}
