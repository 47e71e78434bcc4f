/** A passwords file as `passwd` writes it, with hashes that cost nothing. */
import { writeFile } from 'node:fs/promises';
import { Secret } from '../../src/core/secret.js';
import { derive, type HashCost, newSettings } from '../../src/submission/password-hash.js';
import { formatPasswords, type PasswordEntry } from '../../src/submission/passwords-file.js';

const cheap: HashCost = { logN: 4, blockSize: 8, parallelization: 1 };

export interface PlainPassword {
  readonly user: string;
  readonly password: string;
  readonly senders?: readonly string[];
  readonly accounts?: readonly string[];
}

export async function writePasswords(path: string, passwords: readonly PlainPassword[]): Promise<void> {
  const entries = await Promise.all(
    passwords.map(async ({ accounts, password, senders, user }, at): Promise<PasswordEntry> => {
      const settings = newSettings(cheap);
      const hash = { ...settings, hash: await derive(new Secret(password), settings) };
      return { user, name: `number ${at}`, hash, senders, accounts };
    }),
  );
  await writeFile(path, formatPasswords(entries), { mode: 0o600 });
}
