/**
 * Programs that send mail by a library instead of a mail server: the relay is all they talk to. Every octet must
 * arrive, and what the upstream or the relay refuses must reach whoever called the library.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { type Gate, startGate } from './gate.js';
import { libraries } from './mail-libraries.js';
import { type MailService, startMailService } from './mail-service.js';
import { asStored, compose, difficultBody, takeApart } from './message.js';
import { expiredTokenFileOf, prepareRelay } from './relay.js';
import { programsMissing } from './requirements.js';
import { obtainTokens } from './sign-in.js';
import { teardown } from './teardown.js';

const alice = 'alice@example.test';
const carol = 'carol@example.test';
const inbox = 'inbox@example.test';
const second = 'second@example.test';
const international = 'jürgen@example.test';
const nobody = 'nobody@example.test';

const largeBody = '.A line that begins with a dot, and fifty thousand more like it.\r\n'.repeat(50_000);
const utf8Body = Buffer.from('Größe, žluťoučký kůň, 漢字, 🐻\r\n.\r\n').toString('latin1');

describe.skipIf(programsMissing('python3'))('libraries that submit to the relay', () => {
  let service: MailService;
  /** The libraries come to the relay through this. */
  let gate: Gate;

  beforeAll(async () => {
    service = await startMailService({
      accounts: [alice, carol],
      recipients: [inbox, second, international],
    });
    const relay = await prepareRelay(service);
    await relay.signIn(alice);
    const grant = await obtainTokens(service.provider, carol);
    await relay.writeToken(carol, expiredTokenFileOf({ ...grant, refreshToken: 'revoked' }));
    await relay.start();
    gate = teardown.add(await startGate(relay.port));
  });

  /** Runs `act` and gives what each recipient got by it. */
  async function arrivals(recipients: readonly string[], count: number, act: () => Promise<void>) {
    const known = await Promise.all(recipients.map((one) => service.server.messages(one)));
    await act();
    return Promise.all(
      recipients.map(async (recipient, index) => {
        const before = known[index]!.length;
        await service.server.nextMessage(recipient, before + count - 1);
        const all = await service.server.messages(recipient);
        return all.slice(before).map((stored) => takeApart(stored).message);
      }),
    );
  }

  describe.each(Object.entries(libraries))('%s', (_, { keepsSession, submit }) => {
    it.each([
      ['lines that servers get wrong', difficultBody],
      ['UTF-8', utf8Body],
      ['3 MiB', largeBody],
    ])('delivers a message of %s to each recipient, octet for octet', async (what, body) => {
      const message = compose(`a message of ${what}`, body);
      const to = [inbox, second, international];
      const arrived = await arrivals(to, 1, async () => {
        expect(await submit(gate.port, [{ from: alice, to, message }], service.directory)).toEqual([
          { refused: {} },
        ]);
      });
      for (const [index, recipient] of to.entries())
        expect([recipient, arrived[index]!.map((text) => text === asStored(message))]).toEqual([
          recipient,
          [true],
        ]);
    });

    it('is told of a recipient that is refused, and the others get the message', async () => {
      const message = compose('one is refused', 'Hello\r\n');
      const to = [inbox, nobody, second];
      const arrived = await arrivals([inbox, second], 1, async () => {
        expect(await submit(gate.port, [{ from: alice, to, message }], service.directory)).toEqual([
          { refused: { [nobody]: expect.stringMatching(/^550 5\.1\.1 <nobody@example\.test>/) as string } },
        ]);
      });
      expect(arrived).toEqual([[asStored(message)], [asStored(message)]]);
    });

    it('is told to try again later for an account that needs a sign-in, and goes on with another', async () => {
      const messages = [carol, alice].map((from) => ({
        from,
        to: [inbox],
        message: compose(`from ${from}`, 'Hello\r\n'),
      }));
      const arrived = await arrivals([inbox], 1, async () => {
        expect(await submit(gate.port, messages, service.directory)).toEqual([
          {
            failed: expect.stringMatching(
              /^454 4\.7\.0 carol@example\.test: the sign-in has ended/,
            ) as string,
          },
          { refused: {} },
        ]);
      });
      expect(arrived).toEqual([[asStored(messages[1]!.message)]]);
    });

    it(`sends several messages in ${keepsSession ? 'one session' : 'a session each'}`, async () => {
      const before = gate.connections;
      const messages = [0, 1, 2].map((number) => ({
        from: alice,
        to: [inbox],
        message: compose(`number ${number}`, difficultBody),
      }));
      const [arrived] = await arrivals([inbox], 3, async () => {
        expect(await submit(gate.port, messages, service.directory)).toEqual(
          messages.map(() => ({ refused: {} })),
        );
      });
      const sent = messages.map(({ message }) => asStored(message));
      expect(arrived!.toSorted()).toEqual(sent.toSorted());
      expect(gate.connections - before).toBe(keepsSession ? 1 : messages.length);
    });
  });
});
