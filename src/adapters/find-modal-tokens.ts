import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse as parseToml } from "smol-toml";
import { z } from "zod";
import type { Host } from "./host.ts";

/** https://modal.com/docs/reference/modal.config: profiles by name, of which one may be active. */
const ModalFile = z.record(
  z.string(),
  z.looseObject({
    active: z.boolean().optional(),
    token_id: z.string().optional(),
    token_secret: z.string().optional(),
  }),
);

/** Where Modal's tokens are found, in words; null where there are none. They themselves are left to Modal's SDK, which looks in the same places. */
export function findModalTokens({ environment, homeFolder }: Pick<Host, "environment" | "homeFolder">): string | null {
  if (environment.MODAL_TOKEN_ID && environment.MODAL_TOKEN_SECRET)
    return "MODAL_TOKEN_ID and MODAL_TOKEN_SECRET are set";
  const path = environment.MODAL_CONFIG_PATH || join(homeFolder, ".modal.toml");
  const profiles = readProfiles(path);
  const name = environment.MODAL_PROFILE || Object.keys(profiles).find((each) => profiles[each]?.active);
  const profile = name === undefined ? undefined : profiles[name];
  const isWhole =
    (environment.MODAL_TOKEN_ID || profile?.token_id) && (environment.MODAL_TOKEN_SECRET || profile?.token_secret);
  return isWhole ? `${path} holds a token` : null;
}

/** None where the file is absent or cannot be understood. */
function readProfiles(path: string): z.infer<typeof ModalFile> {
  if (!existsSync(path)) return {};
  try {
    return ModalFile.safeParse(parseToml(readFileSync(path, "utf8"))).data ?? {};
  } catch {
    return {};
  }
}
