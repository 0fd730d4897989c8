import { z } from "zod";
import type { GitHubClient, RepositoryName } from "./github-client.ts";
import { nullWhenGone, readGitHub } from "./wrap-github-error.ts";

export const Permission = z.enum(["admin", "maintain", "write", "triage", "read", "none"]);
export type Permission = z.infer<typeof Permission>;

/** `role_name` tells maintain from write; where it is an organisation's own role, `permission` says what that is worth. */
const PermissionAnswer = z
  .object({ permission: z.string(), role_name: z.string().optional() })
  .transform(
    ({ permission, role_name }): Permission =>
      Permission.safeParse(role_name).data ?? Permission.catch("none").parse(permission),
  );

/** What a person may do in a repository; whom GitHub does not know may do nothing. */
export async function readPermission({
  github,
  repository,
  login,
}: {
  github: GitHubClient;
  repository: RepositoryName;
  login: string;
}): Promise<Permission> {
  const found = await nullWhenGone(
    readGitHub("Reading who may write to the repository", PermissionAnswer, () =>
      github.rest.repos.getCollaboratorPermissionLevel({ ...repository, username: login }),
    ),
  );
  return found ?? "none";
}
