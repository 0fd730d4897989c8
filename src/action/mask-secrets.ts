import { setSecret } from "@actions/core";
import { providerKeyVariables } from "../config.ts";
import { authorizationOf } from "../github/authorization.ts";
import { readInput } from "./read-inputs.ts";

const secretVariables = [...providerKeyVariables, "MODAL_TOKEN_ID", "MODAL_TOKEN_SECRET"];

/** Has the runner show `***` in place of every key that this step was given, in whatever form it goes out. */
export function maskSecrets(environment: Readonly<Record<string, string | undefined>>): void {
  const token = readInput(environment, "github-token");
  const secrets = secretVariables.flatMap((name) => environment[name]?.split(/[\r\n]+/) ?? []);
  const forms = token === "" ? [] : [token, authorizationOf(token).replace(/^basic /, "")];
  for (const secret of new Set([...secrets.map((each) => each.trim()), ...forms])) {
    // The mask of a few letters would make the log unreadable, and guards nothing.
    if (secret.length >= 4) setSecret(secret);
  }
}
