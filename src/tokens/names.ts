/**
 * The names of files in a token directory: which are accounts, and what our own lock and temporary files beside
 * a token are called. All of ours start with a dot, so no reader of the directory takes them for an account.
 */
import { basename, dirname, join } from 'node:path';

const ignored = [
  /^\./,
  /~$/,
  /\.(lock|tmp|bak|swp)$/,
  /\.dpkg-\w+$/,
  // sasl-xoauth2 writes FILE.PID.MILLISECONDS and renames it; a kill leaves it behind.
  /\.\d+\.\d+$/,
];

/** Whether a file of this name in a token directory is an account's. */
export function isTokenFileName(name: string): boolean {
  return !ignored.some((pattern) => pattern.test(name));
}

/** Files that come and go with each refresh, and say nothing about the accounts. */
export function isScratchName(name: string): boolean {
  return /^\..*\.(lock|tmp)$/.test(name);
}

/** The lock of the token file at `target`, a path without symlinks. */
export function lockPath(target: string): string {
  return join(dirname(target), `.${basename(target)}.lock`);
}

/** A new name for a file that will be renamed to `target`, or was renamed from it. */
export function temporaryPath(target: string, random: () => number): string {
  return join(dirname(target), `.${basename(target)}.${randomWord(random)}.tmp`);
}

/** The name of the file that `temporaryPath` gave this name for; undefined when it gives none such. */
export function targetOfTemporary(name: string): string | undefined {
  return /^\.([^]+)\.[0-9a-z]{8}\.tmp$/.exec(name)?.[1];
}

/** Eight letters and digits. Not secret: O_EXCL is what keeps two from meeting. */
export function randomWord(random: () => number): string {
  return Math.floor(random() * 36 ** 8)
    .toString(36)
    .padStart(8, '0');
}
