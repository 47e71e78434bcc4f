import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EventCommand } from '../../src/daemon/event-command.js';
import type { AccountEvent } from '../../src/refresh/event.js';
import { eventually, type TemporaryDirectory, temporaryDirectory } from '../support/process.js';

import { VirtualClock } from '../support/virtual-clock.js';
import { recordingLogger } from '../support/recording-logger.js';

let directory: TemporaryDirectory;
let clock: VirtualClock;
let logger: ReturnType<typeof recordingLogger>;
let events: EventCommand;

beforeEach(async () => {
  directory = await temporaryDirectory();
  clock = new VirtualClock();
  logger = recordingLogger();
});
afterEach(async () => {
  await clock.advanceUntil(events.close(), 5_000);
  await directory.remove();
});

const at = (name: string) => join(directory.path, name);

function start(command: string | readonly string[]): void {
  events = new EventCommand({ command, clock, logger });
}

function event(account: string, message = 'm'): AccountEvent {
  const about = { time: '2027-01-01T00:00:00.000Z', account, token_file: `/t/${account}`, provider: 'corp' };
  return { ...about, event: 'recovered', after: 'refresh-failing', message, hint: null };
}

const text = (name: string) => readFile(at(name), 'utf8').catch(() => '');
const reads = (name: string, wanted: (text: string) => boolean) =>
  eventually(`${name} to be written`, async () =>
    (await text(name)).match(/\n/) && wanted(await text(name)) ? true : undefined,
  );

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe('on_event', () => {
  it('gets the event as a line of JSON, by the shell', async () => {
    start(`cat >> ${at('out')}`);
    events.run(event('a'));
    await reads('out', () => true);
    expect(JSON.parse(await text('out'))).toEqual(event('a'));
  });

  it('is run without a shell when it is a list', async () => {
    start(['/usr/bin/tee', at('out $HOME')]);
    events.run(event('a'));
    await reads('out $HOME', () => true);
    expect(JSON.parse(await text('out $HOME'))).toEqual(event('a'));
  });

  it('hears of one account in order, and of one after the other', async () => {
    start(`read line; echo "+$line" >> ${at('out')}; echo "-$line" >> ${at('out')}`);
    const messages = Array.from({ length: 8 }, (_, index) => `m${index}`);
    for (const message of messages) events.run(event('a', message));
    await reads('out', (said) => said.split('\n').length === 17);
    const order = (await text('out')).match(/^[+-]|m\d/gm);
    expect(order).toEqual(messages.flatMap((message) => ['+', message, '-', message]));
  });

  it('runs for four accounts at once and no more', async () => {
    start(`read line; echo x >> ${at('begun')}; until [ -e ${at('go')} ]; do sleep 0.02; done`);
    for (let account = 0; account < 9; account++) events.run(event(`${account}`));
    await reads('begun', (said) => said === 'x\n'.repeat(4));
    await writeFile(at('go'), '');
    await reads('begun', (said) => said === 'x\n'.repeat(9));
  });

  it('may fail, be missing, or read nothing: that is logged and no more', async () => {
    start('echo "no such pager" >&2; exit 3');
    events.run(event('a'));
    await eventually('the failure', () => logger.lines[0]);
    expect(logger.lines[0]).toMatchObject({
      level: 'warn',
      fields: { account: 'a', event: 'recovered' },
      message: 'on_event ended with status 3: no such pager',
    });
    for (const command of [['/nonexistent'], [], '/nonexistent']) {
      start(command);
      const before = logger.lines.length;
      events.run(event('a', 'x'.repeat(1_000_000)));
      await eventually('the failure', () => logger.lines[before]);
    }
    start('true');
    events.run(event('a', 'x'.repeat(1_000_000)));
    await events.close();
    expect(logger.lines).toHaveLength(4);
  });

  it('is ended with all that it has started when it takes too long', async () => {
    start(`sleep 600 & echo $! >> ${at('pid')}; echo $$ >> ${at('pid')}; wait`);
    events.run(event('a'));
    await reads('pid', (said) => said.split('\n').length === 3);
    await clock.advance(30_000);
    await eventually('the failure', () => logger.lines[0]);
    expect(logger.lines[0]?.message).toBe('on_event was not done within 30 s');
    const pids = (await text('pid')).trim().split('\n').map(Number);
    await eventually('their end', () => (pids.some(isAlive) ? undefined : true));
  });

  it('is ended like that when the daemon stops, and what waits is dropped', async () => {
    start(`sleep 600 & echo $! >> ${at('pid')}; wait`);
    for (const message of ['one', 'two']) events.run(event('a', message));
    await reads('pid', () => true);
    await clock.advanceUntil(events.close(), 1_000);
    const pid = Number(await text('pid'));
    await eventually('its end', () => (isAlive(pid) ? undefined : true));
    expect((await text('pid')).trim().split('\n')).toHaveLength(1);
    events.run(event('a'));
    expect(logger.lines.map(({ message }) => message)).toEqual(['on_event was ended, for the daemon stops']);
  });
});
