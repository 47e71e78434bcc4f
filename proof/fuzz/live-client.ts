/**
 * A client of the relay, over a real socket, which says what it is told in pieces. It reads what the relay says with
 * the strict reader of replies: anything else than replies is a fault, and so is no reply at all.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { describeCause } from '../../src/core/errors.js';
import { type Reply, ReplyReader, replyText } from '../../src/protocol/smtp/reply.js';
import type { Random } from '../random.js';
import { cut } from './mutate.js';

/** Every wait of the relay is shorter, by far, on the clock that it has here. */
const patienceMs = 20_000;
const queuedAs = /queued as ([\d.]+)$/;

export class LiveClient {
  readonly faults: string[] = [];
  /** The messages that it was told were accepted, by the sink's ids. */
  readonly acknowledged: string[] = [];
  readonly #socket: Socket;
  readonly #reader = new ReplyReader();
  readonly #replies: Reply[] = [];
  #closed = false;
  #wake: (() => void) | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('close', () => {
      this.#closed = true;
      this.#wake?.();
    });
  }

  static async connect(port: number): Promise<LiveClient> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    const client = new LiveClient(socket);
    await Promise.race([once(socket, 'connect'), once(socket, 'close')]);
    return client;
  }

  /** In pieces, some of which the relay reads one by one. */
  async say(text: string, random: Random): Promise<void> {
    for (const piece of cut(text, random)) {
      this.write(piece);
      if (random.chance(0.3)) await setImmediate();
    }
  }

  write(piece: string): void {
    if (this.#socket.writable && piece !== '') this.#socket.write(piece, 'latin1');
  }

  /** The next one; undefined when the relay has closed the connection instead. */
  async reply(): Promise<Reply | undefined> {
    const timer = setTimeout(() => {
      this.faults.push('the relay neither answers nor hangs up');
      this.#socket.destroy();
    }, patienceMs);
    while (this.#replies.length === 0 && !this.#closed)
      await new Promise<void>((resolve) => (this.#wake = resolve));
    clearTimeout(timer);
    return this.#replies.shift();
  }

  /** Without a word, by FIN or by RST. */
  leave(how: 'close' | 'reset'): void {
    if (how === 'close') this.#socket.end();
    else this.#socket.resetAndDestroy();
  }

  /** Reads until the relay has closed the connection too; gives how many replies still came. */
  async ended(): Promise<number> {
    let count = 0;
    while ((await this.reply()) !== undefined) count++;
    return count;
  }

  #receive(chunk: Buffer): void {
    try {
      this.#reader.push(chunk);
      for (let reply = this.#reader.next(); reply !== undefined; reply = this.#reader.next()) {
        const id = queuedAs.exec(replyText(reply))?.[1];
        if (id !== undefined && reply.code === 250) this.acknowledged.push(id);
        if (replyText(reply).includes('internal error')) this.faults.push(replyText(reply));
        this.#replies.push(reply);
      }
    } catch (error) {
      this.faults.push(`the relay broke the protocol: ${describeCause(error)}`);
      this.#socket.destroy();
    }
    this.#wake?.();
  }
}
