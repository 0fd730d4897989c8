/** What adapters take from the process they are constructed in. */
export interface Host {
  environment: NodeJS.ProcessEnv;
  homeFolder: string;
  workingFolder: string;
  signal: AbortSignal;
}

/** Where sandboxes keep snapshots and wheels: the user's cache folder. */
export function stateFolderOf({ environment, homeFolder }: Pick<Host, "environment" | "homeFolder">): string {
  return `${environment.CODEDISTILLER_CACHE || `${environment.XDG_CACHE_HOME || `${homeFolder}/.cache`}/codedistiller`}`;
}
