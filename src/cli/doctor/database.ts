/** Whether the database of the accounts can be used. One that cannot is runDoctor's to say: it has the accounts. */
import { type MachineCheck, pass } from './check.js';

export const databaseCheck: MachineCheck = {
  name: 'database',
  looksAt:
    'Whether the database of `token_store` can be reached, lets the role in, and has tables of this version.',
  mendedBy: 'What the line says; see [the database](postgresql.md#when-the-database-is-away).',
  async run({ database }) {
    const accounts = await database();
    if (accounts === undefined) return [];
    return [pass(`${accounts.name} can be used, and key ${accounts.rows.keys.currentId} encrypts`)];
  },
};
