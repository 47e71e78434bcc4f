/** Clients that submit a message until it is taken, by whichever daemon; and what has arrived in the end. */
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '../random.js';
import type { SunkMessage } from '../sink.js';
import type { FleetDaemon } from './daemon.js';

const pauseMs = 200;
const patienceMs = 20_000;

export class Mail {
  readonly faults: string[] = [];
  deferrals = 0;
  readonly #taken = new Set<string>();
  readonly #arrived = new Map<string, number>();

  get submitted(): number {
    return this.#taken.size;
  }

  get twice(): number {
    return [...this.#arrived.values()].filter((count) => count > 1).length;
  }

  received({ data, mail, outcome }: SunkMessage): void {
    if (outcome !== 'accepted') return;
    const id = /^Message-ID: <(.*)>/m.exec(data)?.[1] ?? '';
    if (!mail.includes(id.split('/')[1] ?? '?')) this.faults.push(`${id} was sent as ${mail}`);
    this.#arrived.set(id, (this.#arrived.get(id) ?? 0) + 1);
  }

  /** One message after another, each until it is taken; none begins once `signal` is aborted. */
  async submit(
    client: number,
    accounts: readonly string[],
    daemons: readonly FleetDaemon[],
    random: Random,
    signal: AbortSignal,
  ): Promise<void> {
    for (let number = 0; !signal.aborted; number++) {
      const account = random.pick(accounts);
      const id = `${client}-${number}/${account}`;
      for (const startedAt = performance.now(); ;) {
        const reply = await offer(random.pick(daemons).port, account, id).catch(() => undefined);
        if (reply?.startsWith('2')) break;
        if (reply?.startsWith('5')) return void this.faults.push(`${id} was refused: ${reply}`);
        this.deferrals++;
        // After all trouble is over.
        if (signal.aborted && performance.now() - startedAt > 120_000)
          return void this.faults.push(`${id} was never taken: ${reply}`);
        await sleep(pauseMs);
      }
      this.#taken.add(id);
    }
  }

  judge(): void {
    for (const id of this.#taken) if (!this.#arrived.has(id)) this.faults.push(`message ${id} is lost`);
  }
}

/** The last reply, to the message or to what was not taken before it. Rejects when the connection is lost. */
async function offer(port: number, account: string, id: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  try {
    const replies = repliesOf(socket);
    await next(replies);
    const steps = ['EHLO client.test', `MAIL FROM:<${account}>`, `RCPT TO:<to@fleet.test>`, 'DATA'];
    for (const step of [...steps, `Message-ID: <${id}>\r\n\r\nHello\r\n.`]) {
      socket.write(`${step}\r\n`);
      const reply = await next(replies);
      if (!/^[23]/.test(reply) || !steps.includes(step)) return reply;
    }
    return '';
  } finally {
    socket.destroy();
  }
}

async function next(replies: AsyncIterator<string>): Promise<string> {
  const { done, value } = await replies.next();
  if (done === true) throw new Error('the connection was closed');
  return value;
}

async function* repliesOf(socket: Socket): AsyncGenerator<string, undefined> {
  socket.setTimeout(patienceMs, () => socket.destroy(new Error('no answer')));
  let rest = '';
  for await (const chunk of socket.setEncoding('latin1')) {
    rest += chunk as string;
    for (let end; (end = /^\d{3} .*\r\n/m.exec(rest)) !== null; rest = rest.slice(end.index + end[0].length))
      yield end[0].trimEnd();
  }
}
