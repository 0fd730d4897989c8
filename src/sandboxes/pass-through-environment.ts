/** What of the host's environment a sandbox may see: where packages come from, how the way there is trusted, and how the processor is named. */
const allowedNames: ReadonlySet<string> = new Set([
  "PIP_INDEX_URL",
  "PIP_EXTRA_INDEX_URL",
  "PIP_FIND_LINKS",
  "PIP_NO_INDEX",
  "PIP_CERT",
  "PIP_TRUSTED_HOST",
  "PIP_DEFAULT_TIMEOUT",
  "PIP_RETRIES",
  "PIP_DISABLE_PIP_VERSION_CHECK",
  "UV_INDEX",
  "UV_INDEX_URL",
  "UV_DEFAULT_INDEX",
  "UV_EXTRA_INDEX_URL",
  "UV_HTTP_TIMEOUT",
  "UV_NATIVE_TLS",
  "SSL_CERT_FILE",
  "SSL_CERT_DIR",
  "REQUESTS_CA_BUNDLE",
  "CURL_CA_BUNDLE",
  "GIT_SSL_CAINFO",
  "NODE_EXTRA_CA_CERTS",
  "HTTP_PROXY",
  "HTTPS_PROXY",
  "ALL_PROXY",
  "NO_PROXY",
  "http_proxy",
  "https_proxy",
  "all_proxy",
  "no_proxy",
  "OPENBLAS_CORETYPE",
  "OPENBLAS_L2_SIZE",
]);

export interface PassedEnvironment {
  variables: Record<string, string>;
  /** Names, sorted, of allowed variables that were dropped since their value names a user or a password. */
  dropped: string[];
}

/** Picks from the host's environment what sandboxes may see. A value with a user name, token or password in a URL is left behind. */
export function passThroughEnvironment(environment: Readonly<Record<string, string | undefined>>): PassedEnvironment {
  const variables: Record<string, string> = {};
  const dropped: string[] = [];
  for (const [name, value] of Object.entries(environment)) {
    if (value === undefined || value === "" || !allowedNames.has(name)) continue;
    if (holdsUserInformation(value)) dropped.push(name);
    else variables[name] = value;
  }
  return { variables, dropped: dropped.sort() };
}

/** `https://user:password@host`, `https://token@host`, and the form without a scheme that proxies allow. */
function holdsUserInformation(value: string): boolean {
  return value.split(/[\s,]+/).some((part) => /^([^/?#]*=)?([a-z][a-z0-9+.-]*:)?(\/\/)?[^/?#]*@/i.test(part));
}
