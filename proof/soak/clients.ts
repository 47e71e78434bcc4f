/**
 * Programs that send mail: most as they should, some vanish at any point, talk nonsense, say nothing or send as
 * somebody unknown. What is acknowledged to them must be with the server, whole.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { SmtpDialogue } from '../../test/system/smtp-dialogue.js';
import type { Random } from '../random.js';
import type { SunkMessage } from '../sink.js';
import { composeMessage, examineMessage } from '../storm/message.js';

export interface ClientOptions {
  readonly port: number;
  readonly senders: readonly string[];
  readonly signal: AbortSignal;
}

const pauseMs = 60;

export class Clients {
  sessions = 0;
  acknowledged = 0;
  vanished = 0;
  readonly faults: string[] = [];
  readonly #options: ClientOptions;
  /** With the server, and not acknowledged yet, by number. */
  readonly #arrived = new Set<number>();
  #next = 0;

  constructor(options: ClientOptions) {
    this.#options = options;
  }

  /** For the server, of each message that it gets. */
  received({ data, outcome }: SunkMessage): void {
    if (outcome !== 'accepted') return;
    const examined = examineMessage(data);
    if (examined?.intact === true) this.#arrived.add(examined.number);
    else this.faults.push(`message ${examined?.number} was changed on its way`);
  }

  /** One session after the other, until the signal. */
  async send(random: Random): Promise<void> {
    const { signal } = this.#options;
    while (!signal.aborted) {
      this.sessions++;
      const dialogue = await SmtpDialogue.open(this.#options.port);
      // What is deferred is not tried again, and any of them may end in mid-session.
      await this.#session(dialogue, random).catch(() => dialogue.vanish('', 'close'));
      await sleep(random.between(0, pauseMs), undefined, { signal }).catch(() => undefined);
    }
  }

  async #session(dialogue: SmtpDialogue, random: Random): Promise<void> {
    const { senders, signal } = this.#options;
    const from = random.pick(senders);
    const how = random.next();
    if (how < 0.04) return this.#vanish(dialogue, '', random);
    await dialogue.command('EHLO soak.test');
    if (how < 0.08) return this.#vanish(dialogue, `MAIL FROM:<${from}>\r\n`, random);
    if (how < 0.12) {
      await sleep(random.between(100, 2000), undefined, { signal }).catch(() => undefined);
      return this.#vanish(dialogue, '', random);
    }
    if (how < 0.16) for (let count = random.between(1, 30); count > 0; count--) await dialogue.command('BOO');
    if (how > 0.97) await dialogue.command('MAIL FROM:<nobody@soak.test>');
    for (let count = random.between(1, 4); count > 0; count--) {
      if (random.chance(0.1)) {
        await dialogue.command(`MAIL FROM:<${from}>`);
        await dialogue.command('RCPT TO:<x@soak.test>');
        return this.#vanish(
          dialogue,
          `DATA\r\nSubject: half\r\n\r\n${'x'.repeat(random.below(9000))}`,
          random,
        );
      }
      await this.#submit(dialogue, from, random);
    }
    await dialogue.quit();
  }

  async #submit(dialogue: SmtpDialogue, from: string, random: Random): Promise<void> {
    const number = this.#next++;
    const message = composeMessage(number, random);
    try {
      const { end } = await dialogue.submit({
        from,
        to: ['x@soak.test'],
        message,
        parameters: 'BODY=8BITMIME',
      });
      if (end.code !== 250) return;
      this.acknowledged++;
      if (!this.#arrived.has(number))
        this.faults.push(`message ${number} was acknowledged and did not arrive`);
    } finally {
      this.#arrived.delete(number);
    }
  }

  #vanish(dialogue: SmtpDialogue, text: string, random: Random): void {
    this.vanished++;
    dialogue.vanish(text, random.pick(['reset', 'close'] as const));
  }
}
