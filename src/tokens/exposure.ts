/**
 * Which files with secrets are open to more than those who need them: to everyone on the machine, or to a group
 * with people in it. Says what mode would do, and changes nothing. A file that is missing is somebody else's trouble.
 */
import type { Config } from '../config/config.js';
import { mapConcurrently } from '../core/concurrently.js';
import { type LocalUsers, readLocalUsers } from './group-members.js';
import { statFile } from './read-file.js';

export interface Exposure {
  readonly path: string;
  /** Permission bits, as they are and as they should be; the owner's are the same. */
  readonly mode: number;
  readonly wantedMode: number;
  /** A sentence for a person. */
  readonly message: string;
  /** The command that gives it the wanted mode. */
  readonly remedy: string;
}

const readOrWrite = 0o6;
const examinedAtOnce = 16;

/** Every file that holds a secret: the configuration's, keys, passwords of clients, and token files. Each once. */
export function secretFiles(config: Config, tokenFiles: readonly string[]): readonly string[] {
  const keys = [...config.providers.values(), ...config.accounts.values()].flatMap(({ grant }) =>
    [grant?.keyFile, grant?.serviceAccountFile].filter((path) => path !== undefined),
  );
  const ports = (config.relay.listen ?? []).flatMap(({ auth, certificate }) =>
    [certificate?.keyFile, auth?.passwordsFile].filter((path) => path !== undefined),
  );
  const status = [config.status?.keyFile].filter((path) => path !== undefined);
  // Those of a database are rows.
  const tokens = config.postgres === undefined ? tokenFiles : [];
  return [...new Set([...config.secretFiles, ...keys, ...ports, ...status, ...tokens])];
}

/** Of `paths`, in their order. A group by which this process reads somebody else's file is one that needs it. */
export async function findExposures(
  paths: readonly string[],
  users?: LocalUsers,
): Promise<readonly Exposure[]> {
  const [ownGroup, ownUser] = [process.getegid?.(), process.geteuid?.()];
  // Windows has no modes.
  if (ownGroup === undefined || ownUser === undefined) return [];
  const known = users ?? (await readLocalUsers());
  const here = { ownGroup, ownUser, users: known };
  const found = await mapConcurrently(paths, examinedAtOnce, (path) => examine(path, here));
  return found.filter((exposure) => exposure !== undefined);
}

interface Here {
  readonly ownUser: number;
  readonly ownGroup: number;
  readonly users: LocalUsers;
}

async function examine(path: string, { ownGroup, ownUser, users }: Here): Promise<Exposure | undefined> {
  const stats = await statFile(path).catch(() => undefined);
  if (!stats?.isFile()) return undefined;
  const { gid, uid } = stats;
  const mode = stats.mode & 0o7777;
  const toOthers = (mode & readOrWrite) !== 0;
  const isNeeded = gid === ownGroup && uid !== ownUser;
  const toGroup =
    (mode & (readOrWrite << 3)) !== 0 && !isNeeded && (users.letsPeopleIn(gid, uid) ?? gid !== ownGroup);
  if (!toOthers && !toGroup) return undefined;
  const who = toOthers ? 'everyone on this machine' : `every member of the group ${users.nameOf(gid)}`;
  const may = mode & (toOthers ? 0o2 : 0o20) ? 'may change' : 'may read';
  return {
    path,
    mode,
    wantedMode: mode & ~(toGroup ? 0o077 : 0o007),
    message: `${who} ${may} ${path} (mode ${octal(mode)}), which holds secrets`,
    remedy: `chmod ${toGroup ? 'go=' : 'o='} ${path}`,
  };
}

/** As ls and chmod write it: `0640`. */
export function octal(mode: number): string {
  return mode.toString(8).padStart(4, '0');
}
