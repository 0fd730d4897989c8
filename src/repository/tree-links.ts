/** Linux gives up after as many hops (path_resolution(7)). */
const maxHops = 40;

/**
 * Decides by names alone where links lead: the file system is never asked to follow one.
 * A link to a regular file of the tree, also over other links, becomes a copy; folders, loops and ways out do not.
 */
export function resolveLinks(
  links: ReadonlyMap<string, string>,
  files: ReadonlySet<string>,
): { copies: { path: string; from: string }[]; dropped: number } {
  const copies: { path: string; from: string }[] = [];
  for (const path of links.keys()) {
    const from = files.has(path) ? null : destinationOf(path, links, files);
    if (from !== null) copies.push({ path, from });
  }
  return { copies, dropped: links.size - copies.length };
}

function destinationOf(path: string, links: ReadonlyMap<string, string>, files: ReadonlySet<string>): string | null {
  let current = path;
  for (let hop = 0; hop < maxHops; hop += 1) {
    const target = links.get(current);
    if (target === undefined) return files.has(current) ? current : null;
    const next = joinInside(current, target);
    if (next === null) return null;
    current = next;
  }
  return null;
}

/** The path that `target` names as seen from the link at `path`; null outside the tree. */
function joinInside(path: string, target: string): string | null {
  if (target === "" || target.startsWith("/") || target.includes("\0")) return null;
  const components = path.split("/").slice(0, -1);
  for (const name of target.split("/")) {
    if (name === "" || name === ".") continue;
    if (name !== "..") components.push(name);
    else if (components.pop() === undefined) return null;
  }
  return components.join("/");
}
