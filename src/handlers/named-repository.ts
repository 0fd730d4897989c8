import { type AllowedHosts, allowsHost } from "../app-config.ts";

/** Longer than any honest address, in characters. */
const longest = 400;

/**
 * A repository as somebody names it in a comment, as an https URL: never a path of this machine, never ssh, and on no host
 * but those that the operator allows: a name does not tell whether it leads into the operator's own network.
 */
export function readNamedRepository(word: string, hosts: AllowedHosts): { url: string } | { problem: string } {
  const { gitHubHost } = hosts;
  if (word.length > longest) return { problem: "The repository's address is too long." };
  const text = word.replace(/^[<`]|[>`]$/g, "");
  const [, owner, name = ""] = /^([a-z\d][\w-]{0,38})\/([\w.-]{1,100}?)(?:\.git)?\/?$/i.exec(text) ?? [];
  if (owner !== undefined && !/^\.{0,2}$/.test(name)) return { url: `https://${gitHubHost}/${owner}/${name}` };
  const withScheme = [gitHubHost, "github.com", "www.github.com"].some((host) =>
    text.toLowerCase().startsWith(`${host}/`),
  );
  return readUrl(withScheme ? `https://${text}` : text, hosts);
}

function readUrl(text: string, hosts: AllowedHosts): { url: string } | { problem: string } {
  if (!/^https:\/\//i.test(text) || /[\\\p{Cc}\p{Cf}\s]/u.test(text) || !URL.canParse(text)) return otherwise;
  const url = new URL(text);
  if (url.username !== "" || url.password !== "")
    return {
      problem:
        "The repository's address holds a user name or a password: take it out, and change it, since it was public.",
    };
  if (!allowsHost(hosts, url.host)) {
    const names = new Set([hosts.gitHubHost, ...hosts.allowHosts]);
    return { problem: `Repositories are fetched from ${[...names].join(", ")} only.` };
  }
  if (!/^\/[^/]/.test(url.pathname)) return otherwise;
  // Zenodo's files are had with this one; any other query may be a secret, and none is needed.
  const query = url.search === "?download=1" ? url.search : "";
  return { url: `${url.origin}${url.pathname}${query}` };
}

const otherwise = {
  problem: "A repository is named as owner/name or by its https address; not by ssh, and not by a path.",
};
