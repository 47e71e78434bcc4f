/** For how long an account is left alone whose token the server refuses. */
import { describe, expect, it } from 'vitest';
import { Secret } from '../../src/core/secret.js';
import { AuthRefused } from '../../src/protocol/smtp/client.js';
import { Patience } from '../../src/relay/patience.js';
import { VirtualClock } from '../support/virtual-clock.js';

const token = { secret: new Secret('old'), expiresAt: Infinity };
const other = { secret: new Secret('new'), expiresAt: Infinity };
const error = new AuthRefused('AUTH', { code: 535, lines: ['5.7.8 no'] });

function begin() {
  const clock = new VirtualClock(0);
  const patience = new Patience(clock);
  /** Seconds until it may be asked again. */
  const wait = async () => {
    let seconds = 0;
    for (; patience.refusalOf(token) !== undefined; seconds++) await clock.advance(1000);
    return seconds;
  };
  return { clock, patience, wait };
}

describe('a refused account', () => {
  it('is left alone for half a minute, then twice as long each time, ten minutes at most', async () => {
    const { patience, wait } = begin();
    const waits = [];
    for (let count = 0; count < 7; count++) {
      patience.refused(token, error);
      waits.push(await wait());
    }
    expect(waits).toEqual([30, 60, 120, 240, 480, 600, 600]);
  });

  it('is asked at once with another token', () => {
    const { patience } = begin();
    patience.refused(token, error);
    expect([patience.refusalOf(token), patience.refusalOf(other)]).toEqual([error, undefined]);
  });

  it('waits no longer when several of its sessions were refused together', async () => {
    const { clock, patience, wait } = begin();
    for (let count = 0; count < 5; count++) {
      patience.refused(token, error);
      await clock.advance(1000);
    }
    expect(await wait()).toBe(25);
  });

  it('may be asked once a sign-in was accepted, and waits longer if the server thinks better of it', async () => {
    const { patience, wait } = begin();
    patience.refused(token, error);
    await wait();
    patience.accepted();
    expect(patience.refusalOf(token)).toBeUndefined();
    patience.refused(token, error);
    expect(await wait()).toBe(60);
  });

  it('begins anew once it has sent mail', async () => {
    const { patience, wait } = begin();
    patience.refused(token, error);
    patience.proven();
    expect(patience.refusalOf(token)).toBeUndefined();
    patience.refused(token, error);
    expect(await wait()).toBe(30);
  });
});
