/** The Authorization header with which git fetches from GitHub by a token. */
export function authorizationOf(token: string): string {
  return `basic ${Buffer.from(`x-access-token:${token}`).toString("base64")}`;
}
