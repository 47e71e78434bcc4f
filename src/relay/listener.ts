/**
 * The relay: its ports, and the generation of settings and sessions in service. Another configuration takes the ports
 * over without a connection being refused or cut. `close` stops accepting, lets messages in flight finish, and cuts
 * what is left after a while.
 */
import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { AppError, systemErrorCode, toAppError } from '../core/errors.js';
import type { ListenAddress } from '../config/config.js';
import { type ListenerSettings, plainListener } from '../config/listener.js';
import type { Clock } from '../core/clock.js';
import { formatListenAddress } from '../config/values.js';
import { AttemptLimiter } from '../submission/attempt-limiter.js';
import { ConnectionGate } from './connection-gate.js';
import { FloodLog } from '../core/flood-log.js';
import { Generation, type Lasting, type RelayOptions } from './generation.js';
import { ListeningSocket } from './listening-socket.js';
import { withinOpenFiles } from './open-files.js';
import type { SessionFacts } from './session-facts.js';

export type { RelayOptions } from './generation.js';

const defaultPort = 2525;
/** How long a message in flight may take after a request to stop. */
const drainMs = 30_000;

export interface Relay {
  /** Where it listens; real ports where port 0 was asked for. */
  readonly addresses: readonly ListenAddress[];
  /** Of all clients, the oldest first. */
  sessions(): readonly SessionFacts[];
  /**
   * Serves new connections by other options. Ports that both have stay open; sessions go on as they began, and
   * `drained` resolves when the last of them has ended. Throws as startRelay does, and then nothing has changed.
   */
  reconfigure(options: RelayOptions): Promise<{ readonly drained: Promise<void> }>;
  close(): Promise<void>;
}

/**
 * Throws AppError listen-failed or config-invalid (a certificate); nothing is left open then.
 * @param inherited descriptors of sockets that are used where relay.listen names their addresses
 */
export async function startRelay(options: RelayOptions, inherited: readonly number[] = []): Promise<Relay> {
  const relay = new LiveRelay(options);
  try {
    await relay.adopt(inherited);
    await relay.reconfigure(options);
    return relay;
  } catch (error) {
    await relay.close();
    throw error;
  }
}

class LiveRelay implements Relay {
  readonly #clock: Clock;
  readonly #lasting: Lasting;
  readonly #generations = new Set<Generation>();
  #present: Generation | undefined;
  #sockets: readonly ListeningSocket[] = [];
  #inherited: ReadonlySet<ListeningSocket> = new Set();

  constructor({ clock, logger, settings }: RelayOptions) {
    this.#clock = clock;
    this.#lasting = {
      floodLog: new FloodLog(clock, logger),
      gate: new ConnectionGate(settings.limits),
      limiter: new AttemptLimiter(clock),
      nextId: sessionIds(),
    };
  }

  get addresses(): readonly ListenAddress[] {
    return this.#sockets.map(({ address }) => address);
  }

  sessions(): readonly SessionFacts[] {
    return [...this.#generations].flatMap((generation) => generation.sessions());
  }

  async adopt(descriptors: readonly number[]): Promise<void> {
    const { floodLog } = this.#lasting;
    this.#sockets = await Promise.all(descriptors.map((one) => ListeningSocket.adopt(one, floodLog)));
    this.#inherited = new Set(this.#sockets);
  }

  async reconfigure(options: RelayOptions): Promise<{ readonly drained: Promise<void> }> {
    const limits = await withinOpenFiles(options.settings.limits, options.logger);
    const next = new Generation(options, this.#lasting);
    const opened: ListeningSocket[] = [];
    const ports: { socket: ListeningSocket; accept: (socket: Socket) => void }[] = [];
    const before = [...this.#sockets];
    try {
      for (const { settings, mayLack } of portsOf(options)) {
        const at = before.findIndex((socket) => socket.isAt(settings));
        const socket = at >= 0 ? before.splice(at, 1)[0] : await this.#open(settings, mayLack, before);
        if (socket === undefined) continue;
        if (at < 0) opened.push(socket);
        ports.push({ socket, accept: await next.reception(settings, socket) });
      }
      for (const socket of before) if (this.#inherited.has(socket)) throw unnamed(socket.address);
    } catch (error) {
      for (const socket of opened) socket.close();
      void next.retire();
      next.destroy();
      throw error;
    }
    // All at once: no connection meets half of it.
    this.#lasting.gate.restrict(limits);
    const drained = this.#succeed(next);
    this.#sockets = ports.map(({ socket }) => socket);
    for (const { accept, socket } of ports) socket.give(accept);
    for (const socket of before) socket.close();
    return { drained };
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.close();
    const gone = Promise.all([...this.#generations].map((generation) => generation.retire())).then(
      () => undefined,
    );
    for (const generation of this.#generations) generation.shutDown();
    this.#lasting.floodLog.close();
    await new Promise<void>((resolve) => {
      const timer = this.#clock.setTimer(drainMs, resolve);
      void gone.then(resolve).finally(() => timer.cancel());
    });
    for (const generation of this.#generations) generation.destroy();
  }

  async #succeed(next: Generation): Promise<void> {
    const last = this.#present;
    this.#present = next;
    this.#generations.add(next);
    if (last === undefined) return;
    await last.retire();
    this.#generations.delete(last);
  }

  /** Undefined where it may be missing, and is. */
  async #open(
    settings: ListenerSettings,
    mayLack: boolean,
    leaving: readonly ListeningSocket[],
  ): Promise<ListeningSocket | undefined> {
    try {
      return await ListeningSocket.open(settings, this.#lasting.floodLog);
    } catch (error) {
      if (mayLack && isMissingIPv6(error)) return undefined;
      const own = leaving.find(({ address: { port } }) => port === settings.port);
      throw own === undefined ? error : inTheWay(own.address, error);
    }
  }
}

/** Clients that come there would wait for an answer that nobody gives: who passed the socket on holds it open. */
function unnamed(place: ListenAddress): AppError {
  const address = formatListenAddress(place);
  return new AppError(
    'config-invalid',
    `relay.listen does not name ${address}, a socket that serve was given`,
    {
      hint: `add "${address}" to relay.listen, or take its ListenStream= out of the socket unit`,
    },
  );
}

/** The new address includes one that would have to be closed first, and clients be refused meanwhile. */
function inTheWay(own: ListenAddress, error: unknown): AppError {
  const { cause, code, message } = toAppError(error);
  const hint = `restart serve: what it listens on now, ${formatListenAddress(own)}, is in the way`;
  return new AppError(code, message, { hint, cause });
}

/** `mayLack`: not every machine has such an address. */
function portsOf({ settings: { listen } }: RelayOptions): { settings: ListenerSettings; mayLack: boolean }[] {
  if (listen !== undefined) return listen.map((settings) => ({ settings, mayLack: false }));
  return ['127.0.0.1', '::1'].map((host) => ({
    settings: plainListener({ host, port: defaultPort }),
    mayLack: host === '::1',
  }));
}

/**
 * Six hexadecimal digits that tie the lines of a log together, the same again only after 16 million; they begin anywhere,
 * so that a restart does not repeat the last ids.
 */
function sessionIds(): () => string {
  let next = randomBytes(3).readUIntBE(0, 3);
  return () => {
    next = (next + 1) % 0x100_0000;
    return next.toString(16).padStart(6, '0');
  };
}

function isMissingIPv6(error: unknown): boolean {
  const code = error instanceof AppError ? systemErrorCode(error.cause) : undefined;
  return code === 'EADDRNOTAVAIL' || code === 'EAFNOSUPPORT';
}
