/** Everything a command takes from the process it runs in. */
export interface Terminal {
  arguments: readonly string[];
  environment: NodeJS.ProcessEnv;
  homeFolder: string;
  workingFolder: string;
  stdout: NodeJS.WriteStream;
  stderr: NodeJS.WriteStream;
  signal: AbortSignal;
}

/** Where sandboxes keep snapshots and wheels: the user's cache folder. */
export function stateFolderOf({ environment, homeFolder }: Terminal): string {
  return `${environment.CODEDISTILLER_CACHE || `${environment.XDG_CACHE_HOME || `${homeFolder}/.cache`}/codedistiller`}`;
}
