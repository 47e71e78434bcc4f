/**
 * Whom a group lets in, by /etc/passwd and /etc/group: the question behind every file that its group may read. A
 * group of services is meant that way (0640 root:postfix is Debian's custom); one with people in it hardly is.
 * Users that only a directory service knows are not seen.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface LocalUsers {
  /**
   * Whether a person other than the owner is let in. A group with a single member was made for that one, and whoever
   * was put into a service's own group is meant; undefined for a group that is not known here.
   */
  letsPeopleIn(groupId: number, ownerId: number): boolean | undefined;
  /** The group's name, else its number. */
  nameOf(groupId: number): string;
}

interface User {
  readonly name: string;
  readonly id: number;
  readonly groupId: number;
}

/** Ids of people, as login.defs(5) deals them out (UID_MIN); nobody is 65534. */
const firstPerson = 1000;
const nobody = 65_534;

/** `directory` holds `passwd` and `group`; what cannot be read knows nobody. */
export async function readLocalUsers(directory = '/etc'): Promise<LocalUsers> {
  const [users, groups] = await Promise.all([
    readFields(join(directory, 'passwd')).then((lines) => lines.map(toUser)),
    readFields(join(directory, 'group')),
  ]);
  const entryOf = (groupId: number) => groups.find(([, , id]) => Number(id) === groupId);
  return {
    letsPeopleIn(groupId, ownerId) {
      const listed = entryOf(groupId)?.[3]?.split(',');
      const members = users.filter(
        ({ name, groupId: primary, id }) =>
          id !== 0 && (primary === groupId || listed?.includes(name) === true),
      );
      if (listed === undefined && members.length === 0) return undefined;
      if (members.some((user) => user.groupId === groupId && !isPerson(user))) return false;
      return members.length > 1 && members.some((user) => isPerson(user) && user.id !== ownerId);
    },
    nameOf: (groupId) => entryOf(groupId)?.[0] ?? String(groupId),
  };
}

function isPerson({ id }: User): boolean {
  return id >= firstPerson && id !== nobody;
}

function toUser([name = '', , id, groupId]: readonly string[]): User {
  return { name, id: Number(id), groupId: Number(groupId) };
}

async function readFields(path: string): Promise<readonly (readonly string[])[]> {
  const text = await readFile(path, 'utf8').catch(() => '');
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split(':'));
}
