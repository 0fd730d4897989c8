/** Names that lead nowhere but into the network of whoever runs the app. */
const privateHost = /^(?:[^.]*|.*\.(?:localhost|local|internal|intranet|lan|home|corp|home\.arpa|test|invalid))$/i;

/** Longer than any honest address, in characters. */
const longest = 400;

/**
 * A repository as somebody names it in a comment, as an https URL: never a path of this machine, never ssh, never an address inside the
 * operator's network as far as its name tells. `gitHubHost` is where `owner/name` lies, and is allowed as it is.
 */
export function readNamedRepository(word: string, gitHubHost: string): { url: string } | { problem: string } {
  if (word.length > longest) return { problem: "The repository's address is too long." };
  const text = word.replace(/^[<`]|[>`]$/g, "");
  const [, owner, name = ""] = /^([a-z\d][\w-]{0,38})\/([\w.-]{1,100}?)(?:\.git)?\/?$/i.exec(text) ?? [];
  if (owner !== undefined && !/^\.{0,2}$/.test(name)) return { url: `https://${gitHubHost}/${owner}/${name}` };
  const withScheme = [gitHubHost, "github.com", "www.github.com"].some((host) =>
    text.toLowerCase().startsWith(`${host}/`),
  );
  return readUrl(withScheme ? `https://${text}` : text, gitHubHost);
}

function readUrl(text: string, gitHubHost: string): { url: string } | { problem: string } {
  if (!/^https:\/\//i.test(text) || /[\\\p{Cc}\p{Cf}\s]/u.test(text) || !URL.canParse(text)) return otherwise;
  const url = new URL(text);
  if (url.username !== "" || url.password !== "")
    return {
      problem:
        "The repository's address holds a user name or a password: take it out, and change it, since it was public.",
    };
  const hostname = url.hostname.replace(/\.$/, "");
  const isAddress = /^[\d.]+$|^\[/.test(hostname);
  if (
    url.host.toLowerCase() !== gitHubHost.toLowerCase() &&
    (isAddress || url.port !== "" || privateHost.test(hostname))
  )
    return { problem: "Repositories are fetched from public hosts only, by name and without a port." };
  if (!/^\/[^/]/.test(url.pathname)) return otherwise;
  // Zenodo's files are had with this one; any other query may be a secret, and none is needed.
  const query = url.search === "?download=1" ? url.search : "";
  return { url: `${url.origin}${url.pathname}${query}` };
}

const otherwise = {
  problem: "A repository is named as owner/name or by its https address; not by ssh, and not by a path.",
};
