/**
 * The socketmap: where Postfix asks for the login and the token of a sender or of a server. Whoever reaches it has
 * them, so who may is the mode of its socket. Accounts are asked for at each question: it knows no configuration of
 * theirs.
 */
import { createServer, type Server, type Socket } from 'node:net';
import { type SocketmapSettings, socketmapExposure } from '../config/socketmap.js';
import { formatListenAddress } from '../config/values.js';
import type { Clock } from '../core/clock.js';
import { AppError, describeCause, systemErrorCode } from '../core/errors.js';
import { FloodLog } from '../core/flood-log.js';
import { admitGroup, listenLocally } from '../core/local-socket.js';
import type { Logger } from '../core/logger.js';
import type { SocketmapReply } from '../protocol/socketmap.js';
import { SocketmapConnection } from './connection.js';
import type { SocketmapFigures } from './figures.js';
import { groupIdOf } from './groups.js';
import { answerTo, type Directory } from './lookup.js';

/** Each may take 100 kB with a question; Postfix has one for each of its SMTP clients, 100 by default. */
const mostConnections = 500;

export interface SocketmapOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly figures: SocketmapFigures;
  /** The accounts in service at this moment. */
  readonly directory: () => Directory;
}

export class SocketmapServer {
  readonly #options: SocketmapOptions;
  readonly #server: Server;
  readonly #floodLog: FloodLog;
  readonly #connections = new Set<SocketmapConnection>();
  #where = '';

  private constructor(options: SocketmapOptions) {
    this.#options = options;
    this.#floodLog = new FloodLog(options.clock, options.logger);
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => this.#receive(socket));
  }

  /** Throws AppError listen-failed or config-invalid; nothing is left open then. */
  static async start(settings: SocketmapSettings, options: SocketmapOptions): Promise<SocketmapServer> {
    const socketmap = new SocketmapServer(options);
    await socketmap.#listen(settings);
    // Such as EMFILE: one client is turned away, and an error that nobody listens to would end the process.
    socketmap.#server.on('error', (error) =>
      socketmap.#floodLog.log('error', { cause: describeCause(error) }, 'a connection could not be accepted'),
    );
    return socketmap;
  }

  /** `unix:/path`, or `127.0.0.1:2526` with the real port. */
  get where(): string {
    return this.#where;
  }

  /** Lets another group in. Throws AppError listen-failed. */
  static async admit({ group, listen }: SocketmapSettings): Promise<void> {
    if (listen.kind !== 'unix') return;
    const groupId = await requireGroup(group);
    await admitGroup(listen.path, groupId).catch((error: unknown) => {
      throw failed({ group, listen }, error);
    });
  }

  /** Answers under way are finished, as far as that takes no longer than `drainMs`. */
  async close(drainMs = 2_000): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const connection of this.#connections) connection.shutDown();
    const timer = this.#options.clock.setTimer(drainMs, () => {
      for (const connection of this.#connections) connection.destroy();
    });
    await closed;
    timer.cancel();
    this.#floodLog.close();
  }

  async #listen(settings: SocketmapSettings): Promise<void> {
    const { group, listen } = settings;
    if (listen.kind === 'unix') {
      const groupId = await requireGroup(group);
      await listenLocally(this.#server, listen.path, groupId).catch((error: unknown) => {
        throw failed(settings, error);
      });
      this.#where = `unix:${listen.path}`;
      return;
    }
    const { host, port } = listen;
    await new Promise<void>((resolve, reject) => {
      const fail = (error: Error) => reject(failed(settings, error));
      this.#server.once('error', fail);
      this.#server.listen({ host, port }, () => {
        this.#server.off('error', fail);
        resolve();
      });
    });
    const at = this.#server.address();
    if (at === null || typeof at === 'string') throw new Error('a port has no address');
    this.#where = formatListenAddress({ host: at.address, port: at.port });
    // A name such as localhost is what DNS and hosts file make of it.
    const exposure = socketmapExposure({ kind: 'tcp', host: at.address, port }, true);
    if (exposure === undefined) return;
    this.#server.close();
    throw new AppError('config-invalid', `socketmap.listen: ${exposure}`);
  }

  #receive(socket: Socket): void {
    if (this.#connections.size >= mostConnections) {
      socket.destroy();
      this.#floodLog.log('warn', { connections: mostConnections }, 'the socketmap has too many connections');
      return;
    }
    const connection = new SocketmapConnection(socket, {
      clock: this.#options.clock,
      answer: (key) => this.#answer(key),
      onFault: (problem) => {
        this.#options.figures.answers.perm++;
        this.#floodLog.log('warn', { problem }, 'the socketmap was sent something that is no request');
      },
    });
    this.#connections.add(connection);
    socket.once('close', () => this.#connections.delete(connection));
  }

  async #answer(key: string): Promise<SocketmapReply> {
    const { account, error, reply } = await answerTo(key, this.#options.directory());
    this.#options.figures.answers[reply.kind]++;
    if (error !== undefined) {
      const { code, hint, message } = error;
      this.#floodLog.log(
        'warn',
        { account, code, hint, cause: message },
        'the socketmap has no token now',
        account,
      );
    } else this.#options.logger.debug({ key, account }, `the socketmap was asked: ${reply.kind}`);
    return reply;
  }
}

async function requireGroup(group: string): Promise<number> {
  const id = await groupIdOf(group);
  if (id !== undefined) return id;
  throw new AppError('listen-failed', `socketmap.group: there is no group "${group}" on this machine`, {
    hint: 'name the group that Postfix runs as, or its number: "socketmap": { "group": … }',
  });
}

function failed({ group, listen }: SocketmapSettings, cause: unknown): AppError {
  const where = listen.kind === 'unix' ? listen.path : formatListenAddress(listen);
  const code = systemErrorCode(cause);
  const isGroup = (code === 'EPERM' || code === 'EINVAL') && listen.kind === 'unix';
  return new AppError(
    'listen-failed',
    isGroup
      ? `the socket ${where} cannot be given to the group ${group}: ${describeCause(cause)}`
      : `the socketmap cannot listen on ${where}: ${describeCause(cause)}`,
    { hint: hintFor(listen, group, isGroup, code), cause },
  );
}

function hintFor(
  listen: SocketmapSettings['listen'],
  group: string,
  isGroup: boolean,
  code: string | undefined,
): string {
  if (listen.kind === 'tcp') return 'change socketmap.listen, or stop what has that port';
  const directory = listen.path.slice(0, listen.path.lastIndexOf('/')) || '/';
  const make = `install -d -o USER_OF_SERVE -g ${group} -m 2750 ${directory}`;
  if (isGroup)
    return `let its directory hand the group down (${make}), or add SupplementaryGroups=${group} to the unit`;
  if (code === 'ENOENT' || code === 'EACCES')
    return `see that its directory is there, and is the user's that serve runs as: ${make}`;
  if (code === 'EROFS') return `add ReadWritePaths=${directory} to the unit`;
  return 'change socketmap.listen, or stop what has that place: perhaps another mailbearer';
}
