/** The number of a group, by name in /etc/group or by itself. */
import { readFile } from 'node:fs/promises';

/** Undefined where no group is called so. Groups that only a directory service knows go by their numbers. */
export async function groupIdOf(group: string, file = '/etc/group'): Promise<number | undefined> {
  if (/^\d{1,10}$/.test(group)) return Number(group);
  const lines = (await readFile(file, 'utf8').catch(() => '')).split('\n');
  const id = lines.map((line) => line.split(':')).find(([name]) => name === group)?.[2];
  return id === undefined ? undefined : Number(id);
}
