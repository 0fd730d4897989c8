import type { AppSettings } from "../app-settings.ts";
import type { Permission } from "../github/read-permission.ts";
import type { RepositoryConfig } from "./repository-config.ts";

type RefusalCode =
  | "installation-suspended"
  | "account-denied"
  | "account-not-allowed"
  | "user-denied"
  | "user-not-allowed"
  | "bot-refused"
  | "repository-disabled"
  | "no-write-permission";

/** `sentence` is for the person who asked. */
export type Authorization = { allowed: true } | { allowed: false; reasonCode: RefusalCode; sentence: string };

export interface AuthorizeOptions {
  sender: { login: string; type: string };
  /** `owner/name` */
  repository: string;
  installation: { account: string; suspended: boolean };
  settings: Pick<AppSettings, "allow_accounts" | "deny_accounts" | "allow_users" | "deny_users" | "allow_bots">;
  repositoryConfig: Pick<RepositoryConfig, "enabled" | "allow_users" | "deny_users"> | null;
  /** Asked last, and only where nothing else refuses; its failure is nobody's permission. */
  readPermission: () => Promise<Permission>;
}

/** Whether somebody may have runs made, cancelled or changed. What GitHub calls an author's association decides nothing. */
export async function authorize(options: AuthorizeOptions): Promise<Authorization> {
  const { sender, repository, settings, repositoryConfig, readPermission } = options;
  const early =
    refuseInstallation(options) ?? refuseUser(sender, settings, repositoryConfig) ?? refuseDisabled(repositoryConfig);
  if (early) return early;
  // GitHub knows no permission of an app's account; whoever runs this app has named the bot, which is more.
  if (isBot(sender)) return { allowed: true };
  const permission = await readPermission();
  return ["write", "maintain", "admin"].includes(permission)
    ? { allowed: true }
    : refuse("no-write-permission", `Only people with write permission to ${repository} may ask for this.`);
}

/** The part that needs no sender, for what nobody asked for: null where the installation is served. */
export function refuseInstallation({
  installation,
  settings,
}: Pick<AuthorizeOptions, "installation" | "settings">): Authorization | null {
  if (installation.suspended) return refuse("installation-suspended", "The app is suspended for this account.");
  if (holds(settings.deny_accounts, installation.account))
    return refuse("account-denied", "Whoever runs this app does not serve this account.");
  if (settings.allow_accounts !== null && !holds(settings.allow_accounts, installation.account))
    return refuse(
      "account-not-allowed",
      "Whoever runs this app serves only the accounts that they chose, and this is none of them.",
    );
  return null;
}

function refuseUser(
  sender: AuthorizeOptions["sender"],
  settings: AuthorizeOptions["settings"],
  repositoryConfig: AuthorizeOptions["repositoryConfig"],
): Authorization | null {
  const { login } = sender;
  const bot = isBot(sender);
  if (holds(settings.deny_users, login) || holds(repositoryConfig?.deny_users ?? [], login))
    return refuse("user-denied", "You may not ask for runs here.");
  // Whoever names a bot has allowed it: it need not stand among the people as well.
  const lists = [bot ? null : settings.allow_users, repositoryConfig?.allow_users ?? null];
  if (lists.some((list) => list !== null && !holds(list, login)))
    return refuse(
      "user-not-allowed",
      "Only people who were chosen for it may ask for runs here, and you are none of them.",
    );
  if (bot && !settings.allow_bots.includes(login))
    return refuse("bot-refused", "Bots may not ask for runs, unless whoever runs this app allows it.");
  return null;
}

function isBot({ login, type }: AuthorizeOptions["sender"]): boolean {
  return type !== "User" || /\[bot\]$/i.test(login);
}

function refuseDisabled(repositoryConfig: AuthorizeOptions["repositoryConfig"]): Authorization | null {
  return repositoryConfig?.enabled === false
    ? refuse(
        "repository-disabled",
        "This repository has switched runs off: enabled is false in .github/codedistiller.yml.",
      )
    : null;
}

/** Logins are the same in any case. */
function holds(list: readonly string[], login: string): boolean {
  return list.some((each) => each.toLowerCase() === login.toLowerCase());
}

function refuse(reasonCode: RefusalCode, sentence: string): Authorization {
  return { allowed: false, reasonCode, sentence };
}
