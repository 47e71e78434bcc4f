/**
 * A connection to the sink (see sink.ts) as its session uses it: what has come, line by line or all of it, and what is
 * done in reply. In clear until `secure`. After its end it is silent, and waits for nothing.
 */
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { type SecureContext, TLSSocket } from 'node:tls';
import type { Act } from './sink.js';

export class SinkWire {
  /** What has come and was not taken yet, latin1. */
  input = '';
  /** As it was accepted, and what is spoken over it. */
  readonly #tcp: Socket;
  #socket: Socket;
  /** The client is gone, or is not listened to any more. */
  #over = false;
  #wake: (() => void) | undefined;

  constructor(socket: Socket) {
    this.#tcp = socket;
    this.#socket = socket;
    this.#listen();
    socket.on('close', () => this.#end());
  }

  get isOver(): boolean {
    return this.#over;
  }

  get isSecure(): boolean {
    return this.#socket !== this.#tcp;
  }

  /** TLS from the next octet on. */
  secure(context: SecureContext): void {
    if (this.#over) return;
    this.#tcp.removeAllListeners('data').pause();
    // The client may have begun while the reply was on its way.
    this.#tcp.unshift(Buffer.from(this.take(this.input.length), 'latin1'));
    this.#socket = new TLSSocket(this.#tcp, { isServer: true, secureContext: context });
    this.#socket.on('error', () => this.#tcp.destroy());
    this.#socket.on('end', () => this.#tcp.destroy());
    this.#listen();
  }

  /** What was said in the end; nothing when the connection was ended instead. */
  async perform(act: Act, proper: string): Promise<string> {
    switch (act.kind) {
      case 'say':
        this.say(act.text);
        if (act.then !== undefined) this.leave(act.then);
        return act.text;
      case 'drop':
        this.leave('reset');
        return '';
      case 'reset':
      case 'close':
        this.leave(act.kind);
        return '';
      case 'wait':
        await sleep(act.ms);
        return this.say(proper);
      case 'drip':
        // Nothing comes after the last octet: who hangs up on it has got the reply.
        for (const octet of proper) {
          await sleep(act.ms);
          this.say(octet);
        }
        return proper;
      case 'behave':
        return this.say(proper);
    }
  }

  say(text: string): string {
    if (!this.#over && text !== '') this.#socket.write(text, 'latin1');
    return text;
  }

  /** Once: a reset in the middle of a shutdown would leave the socket open for good. */
  leave(how: 'reset' | 'close'): void {
    if (this.#over) return;
    this.#end();
    if (how === 'reset') this.#tcp.resetAndDestroy();
    else this.#socket.end();
  }

  /** Reads nothing while `act` goes on. */
  async deafWhile(act: () => Promise<unknown>): Promise<void> {
    this.#socket.pause();
    await act();
    this.#socket.resume();
  }

  /** Without its line end; undefined when the connection ends first. */
  async line(): Promise<string | undefined> {
    for (;;) {
      if (this.#over) return undefined;
      const end = this.input.indexOf('\r\n');
      if (end >= 0) return this.take(end + 2).slice(0, -2);
      await this.more();
    }
  }

  take(length: number): string {
    const taken = this.input.slice(0, length);
    this.input = this.input.slice(length);
    return taken;
  }

  /** Waits for more input; false when there will be none. */
  async more(): Promise<boolean> {
    if (!this.#over) await new Promise<void>((resolve) => (this.#wake = resolve));
    return !this.#over;
  }

  #listen(): void {
    this.#socket.on('data', (chunk: Buffer) => {
      this.input += chunk.toString('latin1');
      this.#wake?.();
    });
  }

  #end(): void {
    this.#over = true;
    this.#wake?.();
  }
}
