/** Entries of the log for systemd's journal, as journald reads them; journald itself is in test/system. */
import { closeSync, fstatSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/core/clock.js';
import { Secret } from '../../src/core/secret.js';
import { takeInherited } from '../../src/daemon/inherited.js';
import { isJournalStream, journalEntry, JournalDestination } from '../../src/daemon/journal.js';

const directory = mkdtempSync(join(tmpdir(), 'mailbearer-'));
const descriptors: number[] = [];
afterEach(() => {
  for (const descriptor of descriptors.splice(0)) closeSync(descriptor);
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

function open(path: string, flags: string): number {
  const descriptor = openSync(path, flags);
  descriptors.push(descriptor);
  return descriptor;
}

describe('an entry for the journal', () => {
  it('has the line, its priority, and the fields of the logger and its own', () => {
    const head = { session: '7f3a21', from: undefined };
    const own = { bytes: 12, reply: 'two\nlines', expiresAt: [1], token: new Secret('hush') };
    expect(journalEntry('{"msg":"x"}\n', 'warn', head, own)).toBe(
      [
        'MESSAGE={"msg":"x"}',
        'PRIORITY=4',
        'SYSLOG_IDENTIFIER=mailbearer',
        'MAILBEARER_SESSION=7f3a21',
        'MAILBEARER_BYTES=12',
        'MAILBEARER_REPLY=two lines',
        'MAILBEARER_EXPIRES_AT=[1]',
        'MAILBEARER_TOKEN="[redacted]"',
        '',
      ].join('\n'),
    );
  });
});

describe('the way to the journal', () => {
  it('keeps the order, also of what is left at the end', async () => {
    const file = join(directory, 'journal');
    const journal = new JournalDestination({
      descriptor: open(file, 'a'),
      clock: systemClock,
      otherwise: (line) => expect.unreachable(line),
    });
    for (const entry of ['one', 'two', 'three']) journal.write('', `${entry}\n`);
    await expect.poll(() => readFileSync(file, 'utf8')).toBe('one\ntwo\nthree\n');
    for (const entry of ['four', 'five']) journal.write('', `${entry}\n`);
    journal.flushSync();
    await expect
      .poll(() => readFileSync(file, 'utf8').split('\n').toSorted().join(' '))
      .toBe(' five four one three two');
  });

  it('gives what the journal does not take to stderr, and so what is too much', async () => {
    const lines: string[] = [];
    const journal = new JournalDestination({
      descriptor: open('/dev/full', 'w'),
      clock: systemClock,
      otherwise: (line) => lines.push(line),
    });
    journal.write('first', 'x');
    journal.write('second', 'x');
    journal.write('more than may wait', 'x'.repeat(2_000_000));
    expect(lines).toEqual(['more than may wait']);
    await expect.poll(() => lines).toEqual(['more than may wait', 'first', 'second']);
  });
});

describe('what systemd has opened', () => {
  it('is told apart by name, for this process only', () => {
    const env = { LISTEN_FDS: '3', LISTEN_FDNAMES: 'mailbearer.socket:journal:other', PATH: '/bin' };
    const own = { ...env, LISTEN_PID: String(process.pid) };
    expect(takeInherited(own)).toEqual({ sockets: [3, 5], journal: 4 });
    expect(own).toEqual({ PATH: '/bin' });
    expect(takeInherited({ ...env, LISTEN_PID: '1' })).toEqual({ sockets: [], journal: undefined });
    expect(takeInherited({ LISTEN_FDS: '1', LISTEN_PID: String(process.pid) }).sockets).toEqual([3]);
  });

  it('is the journal only where the descriptor is the very stream', () => {
    const descriptor = open('/dev/null', 'w');
    const { dev, ino } = fstatSync(descriptor);
    expect(isJournalStream(descriptor, `${dev}:${ino}`)).toBe(true);
    expect(isJournalStream(descriptor, `${dev}:${ino + 1}`)).toBe(false);
    expect(isJournalStream(descriptor, undefined)).toBe(false);
  });
});
