/**
 * An SMTP client for tests, one command at a time, independent of the code under test: what it sends is written
 * out, what comes back is kept as it came. It judges nothing; tests do.
 */
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';

export interface DialogueReply {
  readonly code: number;
  /** Each line after its code and separator. */
  readonly lines: readonly string[];
}

export interface SubmittedMessage {
  readonly from: string;
  readonly to: readonly string[];
  /** Header and body with CRLF line ends, not dot-stuffed. */
  readonly message: Buffer;
  /** Parameters of MAIL, such as `BODY=8BITMIME`. */
  readonly parameters?: string;
}

export class SmtpDialogue {
  #socket: Socket;
  #received = '';
  #wake: (() => void) | undefined;
  #closed = false;

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.#listen();
  }

  /** Connects to a port of 127.0.0.1 and reads the greeting. */
  static async open(port: number): Promise<SmtpDialogue> {
    const dialogue = new SmtpDialogue(connect(port, '127.0.0.1'));
    await dialogue.reply();
    return dialogue;
  }

  /** Sends a line and reads the reply to it. */
  async command(line: string): Promise<DialogueReply> {
    this.#socket.write(`${line}\r\n`, 'latin1');
    return this.reply();
  }

  /** STARTTLS, with the certificate verified against `authority` for the name localhost. */
  async startTls(authority: string): Promise<void> {
    const reply = await this.command('STARTTLS');
    if (reply.code !== 220) throw new Error(`STARTTLS: ${reply.code} ${reply.lines.join(' ')}`);
    const plain = this.#socket.removeAllListeners();
    const secured = connectTls({ socket: plain, ca: authority, servername: 'localhost' });
    this.#socket = secured;
    await new Promise<void>((resolve, reject) => {
      secured.once('secureConnect', resolve).once('error', reject);
    });
    this.#listen();
  }

  /**
   * AUTH without an initial response; a second challenge, which carries the server's error, is answered with
   * `afterError` and kept.
   */
  async authenticate(
    mechanism: string,
    response: string,
    afterError: string,
  ): Promise<{ readonly reply: DialogueReply; readonly challenge: string | undefined }> {
    let reply = await this.command(`AUTH ${mechanism}`);
    if (reply.code === 334) reply = await this.command(Buffer.from(response).toString('base64'));
    if (reply.code !== 334) return { reply, challenge: undefined };
    const challenge = Buffer.from(reply.lines[0] ?? '', 'base64').toString();
    return { reply: await this.command(afterError), challenge };
  }

  /** One transaction; gives the reply to each recipient and to the end of data. Throws when MAIL or DATA is refused. */
  async submit({ from, to, message, parameters }: SubmittedMessage): Promise<{
    readonly recipients: readonly DialogueReply[];
    readonly end: DialogueReply;
  }> {
    const mail = `MAIL FROM:<${from}>${parameters === undefined ? '' : ` ${parameters}`}`;
    await this.#expect(mail, 250);
    const recipients: DialogueReply[] = [];
    for (const recipient of to) recipients.push(await this.command(`RCPT TO:<${recipient}>`));
    await this.#expect('DATA', 354);
    const stuffed = message.toString('latin1').replaceAll(/^\./gm, '..');
    return { recipients, end: await this.command(`${stuffed}.`) };
  }

  /** Says this much more, and is gone. */
  vanish(text: string, how: 'reset' | 'close'): void {
    const socket = this.#socket;
    socket.write(text, 'latin1', () => (how === 'reset' ? socket.resetAndDestroy() : socket.destroy()));
  }

  async quit(): Promise<void> {
    await this.command('QUIT');
    this.#socket.destroy();
  }

  async reply(): Promise<DialogueReply> {
    for (;;) {
      const whole = /^(?:\d{3}-[^\n]*\n)*\d{3}(?: [^\n]*)?\n/.exec(this.#received)?.[0];
      if (whole !== undefined) {
        this.#received = this.#received.slice(whole.length);
        const lines = whole.trimEnd().split(/\r?\n/);
        return { code: Number(whole.slice(0, 3)), lines: lines.map((line) => line.slice(4)) };
      }
      if (this.#closed) throw new Error(`the server closed the connection after "${this.#received}"`);
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  async #expect(line: string, code: number): Promise<void> {
    const reply = await this.command(line);
    if (reply.code !== code) throw new Error(`${line}: ${reply.code} ${reply.lines.join(' ')}`);
  }

  #listen(): void {
    const end = (): void => {
      this.#closed = true;
      this.#wake?.();
    };
    this.#socket
      .on('data', (chunk: Buffer) => {
        this.#received += chunk.toString('latin1');
        this.#wake?.();
      })
      .on('error', end)
      .on('close', end);
  }
}

/** Hands a message to the server at `port` in a session of its own; the message must end in CRLF. */
export async function submitMessage(
  port: number,
  message: SubmittedMessage,
): Promise<Awaited<ReturnType<SmtpDialogue['submit']>>> {
  const dialogue = await SmtpDialogue.open(port);
  await dialogue.command('EHLO test.example');
  const result = await dialogue.submit(message);
  await dialogue.quit();
  return result;
}
