import { dirname, join, relative } from "node:path";
import type { Plugin } from "rolldown";

/**
 * Our modules read files beside themselves. In the bundle each is told the place below it that corresponds to its own below
 * src/; packages are told the bundle's.
 */
export function keepModulePlaces(root: string): Plugin {
  const source = join(root, "src");
  return {
    name: "keep-module-places",
    transform: {
      filter: { id: /\.ts$/, code: "import.meta.url" },
      handler(code, id) {
        const place = relative(source, id);
        if (place.startsWith("..") || dirname(place) === ".") return null;
        return code.replaceAll("import.meta.url", `new URL(${JSON.stringify(place)}, import.meta.url).href`);
      },
    },
  };
}
