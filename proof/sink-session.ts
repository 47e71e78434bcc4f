/**
 * One session of the sink (see sink.ts): SMTP as a server speaks it, one command at a time, with a mood at every
 * stage. It takes any sender and recipient. Only CR LF "." CR LF ends a message for it; what a more lenient
 * server would make of the octets is for others to judge.
 */
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { SecureContext } from 'node:tls';
import type { Act, Connection, Stage, SunkMessage, Temper } from './sink.js';
import { SinkWire } from './sink-wire.js';

const extensions = ['PIPELINING', 'SIZE 35882577', '8BITMIME', 'SMTPUTF8', 'ENHANCEDSTATUSCODES'];
const hello = ['sink.test', ...extensions].map((line) => `250-${line}\r\n`).join('');
const refusalChallenge = `334 ${Buffer.from('{"status":"401","schemes":"bearer"}').toString('base64')}`;
const tokenRefusal = '535 5.7.8 Not with this token';
const endMark = '\r\n.\r\n';
/** Before a session is left in idleness: its client has read the last reply by then. */
const idleMs = 50;

export class SinkSession {
  readonly #wire: SinkWire;
  readonly #connection: Connection;
  readonly #temper: Temper;
  readonly #tls: SecureContext | undefined;
  #mail = '';
  #recipients: string[] = [];
  #messages = 0;
  /** The last one that was accepted at AUTH, if any. */
  #token = '';

  /** With `tls` nothing but STARTTLS is offered until it is in use. */
  constructor(socket: Socket, connection: Connection, temper: Temper, tls: SecureContext | undefined) {
    this.#wire = new SinkWire(socket);
    this.#tls = tls;
    this.#connection = connection;
    this.#temper = temper;
  }

  async serve(): Promise<void> {
    await this.#answer('greeting', '220 sink.test ESMTP');
    for (let line = await this.#wire.line(); line !== undefined; line = await this.#wire.line()) {
      await this.#command(line);
    }
  }

  async #command(line: string): Promise<void> {
    const [verb = '', , response] = line.split(' ');
    switch (verb.toUpperCase()) {
      case 'EHLO':
        await this.#answer('ehlo', `${hello}250 ${this.#isInClear ? 'STARTTLS' : 'AUTH XOAUTH2'}`);
        break;
      case 'STARTTLS':
        await this.#startTls();
        break;
      case 'AUTH':
        await this.#authenticate(response);
        break;
      case 'MAIL':
        await this.#begin(line);
        break;
      case 'RCPT':
        if (this.#mail === '') this.#wire.say('503 5.5.1 Send MAIL first\r\n');
        else if ((await this.#answer('rcpt', '250 2.1.5 Ok')).startsWith('2')) this.#recipients.push(line);
        break;
      case 'DATA':
        if (this.#recipients.length === 0) this.#wire.say('554 5.5.1 No valid recipients\r\n');
        else if ((await this.#answer('data', '354 Go ahead')).startsWith('354')) await this.#message();
        break;
      case 'QUIT':
        await this.#answer('other', '221 2.0.0 Bye');
        this.#wire.leave('close');
        break;
      default:
        await this.#answer('other', '250 2.0.0 Ok');
    }
  }

  get #isInClear(): boolean {
    return this.#tls !== undefined && !this.#wire.isSecure;
  }

  /** Asks each time. A token that came in clear has been given away. */
  get #isTrusted(): boolean {
    return !this.#isInClear && (this.#temper.accepts?.(this.#token) ?? true);
  }

  async #startTls(): Promise<void> {
    if (this.#tls === undefined || this.#wire.isSecure) this.#wire.say('503 5.5.1 Not now\r\n');
    else if ((await this.#answer('starttls', '220 2.0.0 Go ahead')).startsWith('220'))
      this.#wire.secure(this.#tls);
  }

  async #authenticate(initialResponse: string | undefined): Promise<void> {
    let response = initialResponse;
    if (response === undefined) {
      if (!(await this.#answer('auth', '334 ')).startsWith('334')) return;
      response = await this.#wire.line();
    }
    const credentials = Buffer.from(response ?? '', 'base64').toString();
    this.#token = /auth=Bearer ([^\x01]*)/.exec(credentials)?.[1] ?? '';
    if (this.#isTrusted) return void (await this.#answer('auth', '235 2.7.0 Accepted'));
    this.#token = '';
    if (!(await this.#answer('auth', refusalChallenge)).startsWith('334')) return;
    await this.#wire.line();
    await this.#answer('auth', tokenRefusal);
  }

  async #begin(mail: string): Promise<void> {
    this.#recipients = [];
    const reply = await this.#answer('mail', this.#isTrusted ? '250 2.1.0 Ok' : tokenRefusal);
    this.#mail = reply.startsWith('2') ? mail : '';
  }

  async #message(): Promise<void> {
    while (this.#wire.input === '' && (await this.#wire.more()));
    const act = this.#mood('body');
    await this.#wire.deafWhile(() => this.#wire.perform(act, ''));
    const data = await this.#data();
    // What was said in mid-message, or how the session was left there, was said about all of it.
    if (data === undefined) this.#note(this.#wire.take(this.#wire.input.length), 'cut');
    else if (!isAcceptance(act)) this.#note(data, 'refused');
    else await this.#judge(data);
    this.#mail = '';
    this.#recipients = [];
  }

  /** The message with its end mark; undefined when the connection ends first. */
  async #data(): Promise<string | undefined> {
    for (let searched = 0; ;) {
      if (this.#wire.input.startsWith('.\r\n')) return this.#wire.take('.\r\n'.length);
      const mark = this.#wire.input.indexOf(endMark, searched);
      if (mark >= 0) return this.#wire.take(mark + endMark.length);
      searched = Math.max(0, this.#wire.input.length - endMark.length);
      if (!(await this.#wire.more())) return undefined;
    }
  }

  async #judge(data: string): Promise<void> {
    const act = this.#mood('end');
    const message = this.#note(data, isAcceptance(act) ? 'accepted' : 'refused');
    if (act.kind === 'drop') message.answer = 'withheld';
    else if (message.outcome === 'accepted') message.answer = 'owed';
    await this.#wire.perform(act, `250 2.0.0 Ok: queued as ${message.id}\r\n`);
    if (message.answer !== 'owed' || this.#wire.isOver) return;
    message.answer = 'given';
    const idle = this.#mood('idle');
    if (idle.kind === 'behave') return;
    await sleep(idleMs);
    await this.#wire.perform(idle, '');
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
    return this.#wire.perform(this.#mood(stage), `${proper}\r\n`);
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
