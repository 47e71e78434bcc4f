/**
 * The composition root of `serve`: token files, their refreshers and the relay, started in the order in which
 * the data flows and stopped in reverse; and another configuration in place of the one in service.
 */
import { homedir } from 'node:os';
import { isDeepStrictEqual } from 'node:util';
import type { AnyAccount } from '../accounts/account.js';
import type { Config, ListenAddress } from '../config/config.js';
import type { StatusSettings } from '../config/status.js';
import { systemClock } from '../core/clock.js';
import type { AppError } from '../core/errors.js';
import type { Logger } from '../core/logger.js';
import { Lookout } from '../refresh/lookout.js';
import type { Roster } from '../refresh/roster.js';
import { findStateFile, StateFile } from '../refresh/state-file.js';
import { allOf } from '../refresh/witnesses.js';
import { Deadlines } from '../relay/deadlines.js';
import { RelayFigures } from '../relay/figures.js';
import { type Relay, startRelay } from '../relay/listener.js';
import { RefreshFigures } from '../status/refresh-figures.js';
import { SocketmapFigures } from '../socketmap/figures.js';
import { EventCommand } from './event-command.js';
import { openParts, type Parts, type Surroundings } from './parts.js';
import { signInsOf } from './sign-ins.js';
import { SocketmapKeeper } from './socketmap.js';
import { openStatus, type Status } from './status.js';
import { StatusService } from './status-service.js';

export interface Daemon {
  readonly addresses: readonly ListenAddress[];
  accounts(): ReturnType<Roster['accounts']>;
  /** As the roster's. */
  readonly away: AppError | undefined;
  /**
   * Serves by another configuration from now on; sessions end under the one that they began under. Throws AppError
   * config-invalid or listen-failed, and then nothing has changed.
   */
  reconfigure(config: Config): Promise<void>;
  /** Stops accepting, finishes messages in flight, stores what is still to be stored. */
  close(): Promise<void>;
}

/**
 * Throws AppError config-invalid (accounts that contradict each other), store-refused, store-mismatch or listen-failed. A
 * database that cannot be reached is waited for, and mail is deferred until then.
 * @param inherited descriptors of sockets that the process was started with
 */
export async function startDaemon(
  config: Config,
  logger: Logger,
  inherited: readonly number[] = [],
): Promise<Daemon> {
  warnAboutRoot(logger);
  const state = await openState(config, logger);
  const daemon = new LiveDaemon(config, state, logger);
  try {
    await daemon.start(config, inherited);
    return daemon;
  } catch (error) {
    await daemon.close();
    throw error;
  }
}

class LiveDaemon implements Daemon {
  readonly #logger: Logger;
  readonly #around: Surroundings;
  readonly #lookout: Lookout;
  readonly #refreshes: RefreshFigures;
  readonly #stateFile: string;
  readonly #status: StatusService;
  #events: EventCommand | undefined;
  #parts: Parts | undefined;
  readonly #socketmap: SocketmapKeeper;
  readonly #questions = new SocketmapFigures();
  #relay: Relay | undefined;
  /** Of configurations before, whose sessions have not ended. */
  readonly #past = new Set<Parts>();

  constructor({ onEvent }: Config, state: StateFile, logger: Logger) {
    const clock = systemClock;
    this.#logger = logger;
    this.#stateFile = state.path;
    this.#status = new StatusService((settings) => this.#openStatus(settings));
    this.#events = this.#eventCommand(onEvent);
    this.#lookout = new Lookout({ clock, logger, state, tell: (event) => this.#events?.run(event) });
    this.#refreshes = new RefreshFigures(clock);
    this.#around = {
      clock,
      random: Math.random,
      logger,
      witness: allOf(this.#lookout, this.#refreshes),
      figures: new RelayFigures(),
      deadlines: new Deadlines(clock),
      stateFile: state.path,
    };
    const directory = () => this.#parts!.roster;
    this.#socketmap = new SocketmapKeeper({ clock, logger, figures: this.#questions, directory });
  }

  async start(config: Config, inherited: readonly number[]): Promise<void> {
    this.#parts = await openParts(config, this.#around);
    await this.#status.start(config.status);
    (await this.#socketmap.prepare(config.socketmap)).take();
    this.#relay = await startRelay(this.#parts.relay, inherited);
    this.#sayWhere([]);
    this.#status.ready(true);
  }

  get addresses(): readonly ListenAddress[] {
    return this.#relay?.addresses ?? [];
  }

  accounts(): ReturnType<Roster['accounts']> {
    return this.#parts?.roster.accounts() ?? [];
  }

  get away(): AppError | undefined {
    return this.#parts?.roster.away;
  }

  async reconfigure(config: Config): Promise<void> {
    const [relay, last] = [this.#relay!, this.#parts!];
    const next = await openParts(config, this.#around, last);
    const before = this.addresses;
    const giveUp = async (error: unknown): Promise<never> => {
      await next.close();
      throw error;
    };
    const status = await this.#status.exchange(config.status).catch(giveUp);
    const socketmap = await this.#socketmap.prepare(config.socketmap).catch(async (error: unknown) => {
      await status.cancel();
      return giveUp(error);
    });
    const { drained } = await relay.reconfigure(next.relay).catch(async (error: unknown) => {
      await socketmap.drop();
      await status.cancel();
      return giveUp(error);
    });
    this.#parts = next;
    socketmap.take();
    this.#past.add(last);
    void this.#closeOnce(last, drained);
    await status.commit();
    this.#sayWhere(before);
    this.#lookout.keepOnly(new Set(this.accounts().map(({ account }) => account.name)));
    if (config.stateDir !== last.config.stateDir)
      this.#logger.warn(
        { hint: 'restart serve' },
        'another state_dir was read and is not used: it counts from the next start on',
      );
    if (isDeepStrictEqual(config.onEvent, last.config.onEvent)) return;
    const events = this.#events;
    this.#events = this.#eventCommand(config.onEvent);
    await events?.close();
  }

  async close(): Promise<void> {
    this.#status.ready(false);
    await this.#socketmap.close();
    await this.#relay?.close();
    for (const parts of [...this.#past, this.#parts]) await parts?.close();
    await this.#status.close();
    await this.#lookout.close();
    await this.#events?.close();
  }

  /** Not before a token that waits to be written is written: it may be the only valid one. */
  async #closeOnce(parts: Parts, drained: Promise<void>): Promise<void> {
    await Promise.all([drained, parts.rest()]);
    await parts.close();
    this.#past.delete(parts);
  }

  /** Of whatever configuration is in service when it is asked. */
  #openStatus(settings: StatusSettings | undefined): Promise<Status | undefined> {
    const { clock, figures, logger } = this.#around;
    const roster = {
      accounts: () => this.accounts(),
      signInOf: (account: AnyAccount) => this.#parts?.roster.signInOf(account),
      look: async () => this.#parts?.roster.look(),
    };
    const knowsAccounts = () => this.away === undefined || this.accounts().length > 0;
    const beginSignIn = signInsOf({
      ...this.#around,
      ...{ roster, lookout: this.#lookout, database: () => this.#parts?.database },
    });
    const sessions = () => this.#relay?.sessions() ?? [];
    const pool = {
      occupancy: () => this.#parts?.pool.occupancy() ?? new Map<string, never>(),
      occupancyOf: (account: string) => this.#parts?.pool.occupancyOf(account),
      refusalOf: (account: string) => this.#parts?.pool.refusalOf(account),
    };
    const [questions, refreshes, stateFile] = [this.#questions, this.#refreshes, this.#stateFile];
    return openStatus(settings, {
      ...{ beginSignIn, clock, figures, logger, pool, questions, refreshes, roster, sessions, stateFile },
      knowsAccounts,
      database: () => this.#parts?.database && { problem: this.away },
    });
  }

  #eventCommand(command: Config['onEvent']): EventCommand | undefined {
    return command === undefined
      ? undefined
      : new EventCommand({ command, clock: systemClock, logger: this.#logger });
  }

  #sayWhere(before: readonly ListenAddress[]): void {
    const isIn = (list: readonly ListenAddress[]) => (one: ListenAddress) =>
      list.some(({ host, port }) => host === one.host && port === one.port);
    const now = this.addresses;
    for (const { host, port } of now.filter((one) => !isIn(before)(one)))
      this.#logger.info({ host, port }, 'listening');
    for (const { host, port } of before.filter((one) => !isIn(now)(one)))
      this.#logger.info({ host, port }, 'no longer listening');
  }
}

async function openState({ stateDir }: Config, logger: Logger): Promise<StateFile> {
  const path = await findStateFile(stateDir, process.env, homedir());
  return StateFile.open({ path, clock: systemClock, random: Math.random, logger });
}

function warnAboutRoot(logger: Logger): void {
  if (process.getuid?.() !== 0) return;
  logger.warn(
    {},
    'running as root: run as the owner of the token files instead (User=postfix where sasl-xoauth2 shares them)',
  );
}
