/** The token file of an account, as a sign-in at the token desk leaves it. */
import { utimes, writeFile } from 'node:fs/promises';
import type { TokenDesk } from './token-desk.js';

/** How old the first tokens look: a refusal of a new one would not be believed. */
const firstAgeSeconds = 3600;

export async function writeToken(file: string, token: ReturnType<TokenDesk['firstToken']>): Promise<void> {
  const now = Date.now() / 1000;
  const tenDays = 10 * 86_400;
  const content = {
    access_token: token.accessToken,
    refresh_token: token.refreshToken,
    expiry: String(Math.floor(now + tenDays)),
  };
  await writeFile(file, JSON.stringify(content), { mode: 0o600 });
  await utimes(file, now, now - firstAgeSeconds);
}
