/**
 * An address that is listened on, by a socket of its own or one that the process was started with. Who takes the
 * connections may change while it is open: none is refused or lost meanwhile.
 */
import { createServer, type Server, type Socket } from 'node:net';
import type { ListenAddress } from '../config/config.js';
import { AppError, describeCause, systemErrorCode } from '../core/errors.js';
import type { FloodLog } from '../core/flood-log.js';

/** Connections that the kernel may hold ready; where it drops one, its client waits for seconds. */
const backlog = 4096;

export class ListeningSocket {
  /** As the configuration names it. */
  readonly wanted: ListenAddress;
  readonly #server: Server;
  #accept: ((socket: Socket) => void) | undefined;
  /** Came before anyone took connections. */
  #early: Socket[] = [];

  private constructor(wanted: ListenAddress, floodLog: FloodLog) {
    this.wanted = wanted;
    this.#server = createServer({ noDelay: true, allowHalfOpen: true, pauseOnConnect: true }, (socket) => {
      if (this.#accept === undefined) this.#early.push(socket);
      else this.#accept(socket);
    });
    // Such as EMFILE: one client is turned away, and an error that nobody listens to would end the process.
    this.#server.on('error', (error) => {
      if (this.#server.listening)
        floodLog.log('error', { cause: describeCause(error) }, 'a connection could not be accepted');
    });
  }

  /** Throws AppError listen-failed. */
  static async open(wanted: ListenAddress, floodLog: FloodLog): Promise<ListeningSocket> {
    const socket = new ListeningSocket(wanted, floodLog);
    await socket.#listen();
    return socket;
  }

  /** One that systemd, or who else started the process, listens on already. Throws AppError listen-failed. */
  static async adopt(descriptor: number, floodLog: FloodLog): Promise<ListeningSocket> {
    const socket = new ListeningSocket({ host: '', port: 0 }, floodLog);
    await socket.#adopt(descriptor);
    return socket;
  }

  /** The real one, where a name or port 0 was asked for. */
  get address(): ListenAddress {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') return { host: '', port: 0 };
    return { host: address.address, port: address.port };
  }

  isAt({ host, port }: ListenAddress): boolean {
    const { address, wanted } = this;
    return [wanted, address].some((own) => own.host === host && own.port === port);
  }

  /** From now on, `accept` gets each connection, paused. */
  give(accept: (socket: Socket) => void): void {
    this.#accept = accept;
    for (const socket of this.#early.splice(0)) accept(socket);
  }

  /** Connections that were given away are not concerned. */
  close(): void {
    this.#server.close();
    for (const socket of this.#early.splice(0)) socket.destroy();
  }

  #listen(): Promise<void> {
    const { host, port } = this.wanted;
    return new Promise((resolve, reject) => {
      const fail = (error: Error) => {
        reject(
          new AppError('listen-failed', `cannot listen on ${host}:${port}: ${describeCause(error)}`, {
            hint: hintFor(systemErrorCode(error), port),
            cause: error,
          }),
        );
      };
      this.#server.once('error', fail);
      this.#server.listen({ host, port, backlog, ipv6Only: host.includes(':') }, () => {
        this.#server.off('error', fail);
        resolve();
      });
    });
  }

  #adopt(descriptor: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', (cause) =>
        reject(
          new AppError(
            'listen-failed',
            `descriptor ${descriptor} is no socket to listen on: ${describeCause(cause)}`,
            {
              hint: 'see the socket unit: the relay takes those with ListenStream= and an address of TCP',
              cause,
            },
          ),
        ),
      );
      this.#server.listen({ fd: descriptor }, backlog, resolve);
    });
  }
}

function hintFor(code: string | undefined, port: number): string {
  if (code === 'EADDRINUSE') {
    return `another program has the port, perhaps another mailbearer (ss -ltnp 'sport = :${port}' shows it); stop it or change relay.listen`;
  }
  if (code === 'EACCES')
    return 'ports below 1024 are opened by mailbearer.socket of systemd; use a higher one, such as 127.0.0.1:2525';
  return 'relay.listen takes an address of this machine: "127.0.0.1:PORT", "[::1]:PORT" or another';
}
