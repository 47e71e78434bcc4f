/**
 * One session of the sink (see sink.ts): SMTP as a server speaks it, one command at a time, with a mood at every
 * stage. It takes any sender, recipient and token. Only CR LF "." CR LF ends a message for it; what a more lenient
 * server would make of the octets is for others to judge.
 */
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Act, Connection, Stage, SunkMessage, Temper } from './sink.js';

const extensions = ['PIPELINING', 'SIZE 35882577', '8BITMIME', 'SMTPUTF8', 'ENHANCEDSTATUSCODES'];
const hello = ['sink.test', ...extensions].map((line) => `250-${line}\r\n`).join('') + '250 AUTH XOAUTH2';
const endMark = '\r\n.\r\n';
/** Before a session is left in idleness: its client has read the last reply by then. */
const idleMs = 50;

export class SinkSession {
  readonly #socket: Socket;
  readonly #connection: Connection;
  readonly #temper: Temper;
  #input = '';
  /** The client is gone, or is not listened to any more. */
  #over = false;
  #wake: (() => void) | undefined;
  #mail = '';
  #recipients: string[] = [];
  #messages = 0;

  constructor(socket: Socket, connection: Connection, temper: Temper) {
    this.#socket = socket;
    this.#connection = connection;
    this.#temper = temper;
    socket.on('data', (chunk: Buffer) => {
      this.#input += chunk.toString('latin1');
      this.#wake?.();
    });
    socket.on('close', () => this.#end());
  }

  async serve(): Promise<void> {
    await this.#answer('greeting', '220 sink.test ESMTP');
    for (let line = await this.#line(); line !== undefined; line = await this.#line()) {
      await this.#command(line);
    }
  }

  async #command(line: string): Promise<void> {
    const [verb = '', , response] = line.split(' ');
    switch (verb.toUpperCase()) {
      case 'EHLO':
        await this.#answer('ehlo', hello);
        break;
      case 'AUTH':
        if (response === undefined) {
          if (!(await this.#answer('auth', '334 ')).startsWith('334')) break;
          await this.#line();
        }
        await this.#answer('auth', '235 2.7.0 Accepted');
        break;
      case 'MAIL':
        this.#recipients = [];
        this.#mail = (await this.#answer('mail', '250 2.1.0 Ok')).startsWith('2') ? line : '';
        break;
      case 'RCPT':
        if (this.#mail === '') this.#say('503 5.5.1 Send MAIL first\r\n');
        else if ((await this.#answer('rcpt', '250 2.1.5 Ok')).startsWith('2')) this.#recipients.push(line);
        break;
      case 'DATA':
        if (this.#recipients.length === 0) this.#say('554 5.5.1 No valid recipients\r\n');
        else if ((await this.#answer('data', '354 Go ahead')).startsWith('354')) await this.#message();
        break;
      case 'QUIT':
        await this.#answer('other', '221 2.0.0 Bye');
        this.#leave('close');
        break;
      default:
        await this.#answer('other', '250 2.0.0 Ok');
    }
  }

  async #message(): Promise<void> {
    while (this.#input === '' && (await this.#more()));
    const act = this.#mood('body');
    this.#socket.pause();
    await this.#perform(act, '');
    this.#socket.resume();
    const data = await this.#data();
    // What was said in mid-message, or how the session was left there, was said about all of it.
    if (data === undefined) this.#note(this.#take(this.#input.length), 'cut');
    else if (!isAcceptance(act)) this.#note(data, 'refused');
    else await this.#judge(data);
    this.#mail = '';
    this.#recipients = [];
  }

  /** The message with its end mark; undefined when the connection ends first. */
  async #data(): Promise<string | undefined> {
    for (let searched = 0; ;) {
      if (this.#input.startsWith('.\r\n')) return this.#take('.\r\n'.length);
      const mark = this.#input.indexOf(endMark, searched);
      if (mark >= 0) return this.#take(mark + endMark.length);
      searched = Math.max(0, this.#input.length - endMark.length);
      if (!(await this.#more())) return undefined;
    }
  }

  async #judge(data: string): Promise<void> {
    const act = this.#mood('end');
    const message = this.#note(data, isAcceptance(act) ? 'accepted' : 'refused');
    if (act.kind === 'drop') message.answer = 'withheld';
    else if (message.outcome === 'accepted') message.answer = 'owed';
    await this.#perform(act, `250 2.0.0 Ok: queued as ${message.id}\r\n`);
    if (message.answer !== 'owed' || this.#over) return;
    message.answer = 'given';
    const idle = this.#mood('idle');
    if (idle.kind === 'behave') return;
    await sleep(idleMs);
    await this.#perform(idle, '');
  }

  #note(data: string, outcome: SunkMessage['outcome']): SunkMessage {
    const message: SunkMessage = {
      id: `${this.#connection.number}.${++this.#messages}`,
      connection: this.#connection,
      mail: this.#mail,
      recipients: this.#recipients,
      data,
      outcome,
      answer: 'none',
    };
    this.#temper.onMessage(message);
    return message;
  }

  #mood(stage: Stage): Act {
    return this.#temper.mood(stage, this.#connection);
  }

  /** What was said in the end; nothing when the connection was ended instead. */
  #answer(stage: Stage, proper: string): Promise<string> {
    return this.#perform(this.#mood(stage), `${proper}\r\n`);
  }

  async #perform(act: Act, proper: string): Promise<string> {
    switch (act.kind) {
      case 'say':
        this.#say(act.text);
        if (act.then !== undefined) this.#leave(act.then);
        return act.text;
      case 'drop':
        this.#leave('reset');
        return '';
      case 'reset':
      case 'close':
        this.#leave(act.kind);
        return '';
      case 'wait':
        await sleep(act.ms);
        return this.#say(proper);
      case 'drip':
        for (const octet of proper) {
          this.#say(octet);
          await sleep(act.ms);
        }
        return proper;
      case 'behave':
        return this.#say(proper);
    }
  }

  #say(text: string): string {
    if (!this.#over && text !== '') this.#socket.write(text, 'latin1');
    return text;
  }

  /** Once: a reset in the middle of a shutdown would leave the socket open for good. */
  #leave(how: 'reset' | 'close'): void {
    if (this.#over) return;
    this.#end();
    if (how === 'reset') this.#socket.resetAndDestroy();
    else this.#socket.end();
  }

  async #line(): Promise<string | undefined> {
    for (;;) {
      if (this.#over) return undefined;
      const end = this.#input.indexOf('\r\n');
      if (end >= 0) return this.#take(end + 2).slice(0, -2);
      await this.#more();
    }
  }

  #take(length: number): string {
    const taken = this.#input.slice(0, length);
    this.#input = this.#input.slice(length);
    return taken;
  }

  /** Waits for more input; false when there will be none. */
  async #more(): Promise<boolean> {
    if (!this.#over) await new Promise<void>((resolve) => (this.#wake = resolve));
    return !this.#over;
  }

  #end(): void {
    this.#over = true;
    this.#wake?.();
  }
}

function isAcceptance(act: Act): boolean {
  switch (act.kind) {
    case 'say':
      return act.text.startsWith('2');
    case 'reset':
    case 'close':
      return false;
    case 'behave':
    case 'drop':
    case 'wait':
    case 'drip':
      return true;
  }
}
