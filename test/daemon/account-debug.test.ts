/** `debug` of an account: its dialogue in a log that otherwise has none. */
import { describe, expect, it } from 'vitest';
import { submit } from '../relay/scene.js';
import { shownDaemon } from '../status/daemon.js';
import { greetedClient } from '../support/relay-under-test.js';

async function dialogueWith(account: object): Promise<string[]> {
  const { log, port } = await shownDaemon({ senders: ['a@example.org'], account });
  await submit(await greetedClient(port));
  const said = log.filter(({ level }) => level === 'info').map(({ message }) => message);
  return said.filter((message) => /^[CS]: /.test(message));
}

describe('an account that is to be debugged', () => {
  it('has its dialogue with the server in the log, without token and without the message', async () => {
    const dialogue = await dialogueWith({ debug: true });
    expect(dialogue).toContain('C: MAIL FROM:<a@example.org>');
    expect(dialogue).toContain('S: 250 2.0.0 Ok: queued');
    expect(dialogue.some((line) => line.startsWith('C: AUTH XOAUTH2'))).toBe(true);
    const all = dialogue.join('\n');
    const initialResponse = 'user=a@b.example\u0001auth=Bearer access-0\u0001\u0001';
    expect(all).not.toContain('access-0');
    expect(all).not.toContain(Buffer.from(initialResponse).toString('base64'));
    expect(all).not.toContain('dotted');
  });

  it('is the only one', async () => {
    expect(await dialogueWith({})).toEqual([]);
  });
});
