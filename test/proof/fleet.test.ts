/** `npm run proof:fleet` in short, and whether its endpoint would find anything. */
import { describe, expect, it } from 'vitest';
import { StrictDesk } from '../../proof/fleet/desk.js';
import { proveFleet } from '../../proof/fleet/fleet.js';
import { Random } from '../../proof/random.js';
import { postgresMissing } from '../support/postgres.js';
import { binaryPath } from '../support/run-binary.js';

it.skipIf(postgresMissing())(
  'a fleet whose daemons are killed, and whose database goes away, loses no grant and no message',
  async () => {
    const { faults, figures } = await proveFleet({
      accounts: 20,
      life: 6,
      seconds: 8,
      seed: 1,
      program: binaryPath,
      progress: () => undefined,
    });
    expect(faults).toEqual([]);
    const named = Object.fromEntries(figures);
    expect(named['refreshes']).toBeGreaterThan(20);
    expect(named['messages taken']).toBeGreaterThan(10);
  },
  120_000,
);

describe('the endpoint of a fleet', () => {
  async function desk(onEnd: (account: string) => void = () => undefined): Promise<StrictDesk> {
    return StrictDesk.start({ random: new Random(1), tokenSeconds: 5, onEnd });
  }
  const ask = async (url: string, token: string) => {
    const response = await fetch(url, {
      method: 'POST',
      body: new URLSearchParams({ refresh_token: token }),
    });
    return (await response.json()) as { refresh_token?: string; error?: string };
  };
  const first = (signIn: string) => (JSON.parse(signIn) as { refresh_token: string }).refresh_token;

  it('would find a token that comes again, and forgives it after a kill alone', async () => {
    const ended: string[] = [];
    const strict = await desk((account) => ended.push(account));
    for (const killed of [false, true]) {
      const token = first(strict.signIn('a@b'));
      expect(await ask(strict.url(1), token)).toMatchObject({ refresh_token: expect.any(String) as string });
      if (killed) strict.killed(1);
      expect(await ask(strict.url(2), token)).toEqual({ error: 'invalid_grant' });
    }
    expect(ended).toEqual(['a@b', 'a@b']);
    expect(strict.faults).toEqual([expect.stringMatching(/the grant of a@b is lost/)]);
    expect(strict.diedWithProcess).toBe(1);
    await strict.stop();
  });

  it('would find two questions at once', async () => {
    const strict = await desk();
    const token = first(strict.signIn('a@b'));
    await Promise.all([ask(strict.url(1), token), ask(strict.url(2), token)]);
    expect(strict.faults).toContain('a@b is refreshed twice at once');
    await strict.stop();
  });
});
