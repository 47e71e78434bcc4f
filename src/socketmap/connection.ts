/**
 * One client of the socketmap: its questions are answered one after the other, in the time and the room that it may
 * take. While an answer is under way, or is not read, nothing more is read from it.
 */
import type { Socket } from 'node:net';
import type { Clock, Timer } from '../core/clock.js';
import { netstring, NetstringReader } from '../protocol/netstring.js';
import {
  formatSocketmapReply,
  mostOctets,
  parseRequest,
  type SocketmapReply,
} from '../protocol/socketmap.js';

/** Postfix closes one that rests for 10 s, and keeps none for more than 100 s. */
const restMs = 120_000;
/** For a question, from its first octet to its last; and for reading an answer. */
const paceMs = 10_000;

export interface ConnectionOptions {
  readonly clock: Clock;
  readonly answer: (key: string) => Promise<SocketmapReply>;
  /** It said something that is no question, and is cut off. */
  readonly onFault: (problem: string) => void;
}

export class SocketmapConnection {
  readonly #socket: Socket;
  readonly #options: ConnectionOptions;
  readonly #reader = new NetstringReader(mostOctets);
  #timer: Timer | undefined;
  /** Answers under way, in the order of their questions. */
  #work: Promise<void> | undefined;
  #leaving = false;

  constructor(socket: Socket, options: ConnectionOptions) {
    this.#socket = socket;
    this.#options = options;
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#timer?.cancel());
    socket.on('data', (chunk: Buffer) => this.#take(chunk));
    socket.on('end', () => this.#leave());
    this.#allow(restMs);
  }

  /** Finishes the answer under way, if there is one. */
  shutDown(): void {
    this.#leave();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #take(chunk: Buffer): void {
    const wasWithin = this.#reader.isWithin;
    const events = this.#reader.receive(chunk);
    if (events.length > 0) {
      this.#timer?.cancel();
      this.#socket.pause();
      this.#work = this.#serve(events).finally(() => this.#rest());
    } else if (!wasWithin && this.#reader.isWithin) this.#allow(paceMs);
  }

  async #serve(events: ReturnType<NetstringReader['receive']>): Promise<void> {
    for (const event of events) {
      if (this.#socket.destroyed || this.#leaving) return;
      const key = event.kind === 'string' ? parseRequest(event.octets) : undefined;
      if (key !== undefined) {
        await this.#write(await this.#options.answer(key));
        continue;
      }
      const problem = event.kind === 'fault' ? event.problem : 'no name, space and key';
      this.#options.onFault(problem);
      await this.#write({ kind: 'perm', reason: `not understood: ${problem}` });
      this.#leaving = true;
    }
  }

  #rest(): void {
    this.#work = undefined;
    if (this.#leaving) return this.#leave();
    this.#allow(this.#reader.isWithin ? paceMs : restMs);
    this.#socket.resume();
  }

  #leave(): void {
    this.#leaving = true;
    if (this.#work !== undefined || this.#socket.destroyed) return;
    this.#allow(paceMs);
    this.#socket.end(() => this.#socket.destroy());
  }

  /** Resolves when there is room for more, or nobody is left to read it. */
  #write(reply: SocketmapReply): Promise<void> {
    if (this.#socket.destroyed) return Promise.resolve();
    if (this.#socket.write(netstring(formatSocketmapReply(reply)))) return Promise.resolve();
    this.#allow(paceMs);
    return new Promise((resolve) => {
      const done = () => {
        this.#socket.off('drain', done).off('close', done);
        this.#timer?.cancel();
        resolve();
      };
      this.#socket.on('drain', done).on('close', done);
    });
  }

  #allow(ms: number): void {
    this.#timer?.cancel();
    this.#timer = this.#options.clock.setTimer(ms, () => this.#socket.destroy(), { unref: true });
  }
}
