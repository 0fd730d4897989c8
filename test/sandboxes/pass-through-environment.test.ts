import { expect, it } from "vitest";
import { passThroughEnvironment } from "../../src/sandboxes/pass-through-environment.ts";

it("passes package, certificate and proxy settings and nothing else", () => {
  const environment = {
    PIP_INDEX_URL: "https://index.example.org/simple/",
    SSL_CERT_FILE: "/etc/ssl/certs/ca-certificates.crt",
    https_proxy: "http://proxy.example.org:3128",
    NO_PROXY: "localhost,.example.org",
    OPENBLAS_CORETYPE: "Haswell",
    HOME: "/root",
    ANTHROPIC_API_KEY: "sk-ant",
    GITHUB_TOKEN: "ghs",
    PIP_EXTRA_INDEX_URL: "",
    UV_INDEX_URL: undefined,
  };
  expect(passThroughEnvironment(environment)).toEqual({
    variables: {
      PIP_INDEX_URL: "https://index.example.org/simple/",
      SSL_CERT_FILE: "/etc/ssl/certs/ca-certificates.crt",
      https_proxy: "http://proxy.example.org:3128",
      NO_PROXY: "localhost,.example.org",
      OPENBLAS_CORETYPE: "Haswell",
    },
    dropped: [],
  });
});

it.each([
  "https://user:password@index.example.org/simple",
  "https://token@index.example.org/simple",
  "https://index.example.org/simple https://user:p%40ss@other.example.org/simple",
  "user:password@proxy.example.org:3128",
  "private=https://user:password@index.example.org/simple",
  "HTTPS://:password@index.example.org",
  "git+ssh://git@example.org/x",
])("drops %s by name", (value) => {
  expect(passThroughEnvironment({ PIP_INDEX_URL: value })).toEqual({ variables: {}, dropped: ["PIP_INDEX_URL"] });
});

it("keeps an at sign that is no part of a host", () => {
  const PIP_FIND_LINKS = "https://example.org/wheels@2024/ https://example.org/?a=b@c /srv/wheels@x";
  expect(passThroughEnvironment({ PIP_FIND_LINKS }).dropped).toEqual([]);
});
