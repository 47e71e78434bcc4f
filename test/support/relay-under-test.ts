/**
 * The relay between a scripted client and scripted upstreams, with token sources that a test controls; the
 * parts under test (listener, session, transaction, pool, upstream session) are the real ones.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';
import type { BrokenAccount, SubmittingAccount } from '../../src/accounts/account.js';
import type { RelaySettings } from '../../src/config/config.js';
import { upstreamsOf } from '../../src/accounts/upstreams.js';
import { defaultLimits } from '../../src/config/limits.js';
import { plainListener } from '../../src/config/listener.js';
import { type Clock, systemClock } from '../../src/core/clock.js';
import type { AppError } from '../../src/core/errors.js';
import { Secret } from '../../src/core/secret.js';
import { gmail, type SmtpHost } from '../../src/providers/index.js';
import type { AccessToken, AccountDirectory, Lookup } from '../../src/refresh/token-source.js';
import { Deadlines } from '../../src/relay/deadlines.js';
import { RelayFigures } from '../../src/relay/figures.js';
import { type Relay, startRelay } from '../../src/relay/listener.js';
import { UpstreamPool } from '../../src/relay/pool.js';
import { type LogLine, loggerInto } from './recording-logger.js';

export interface TestAccount {
  readonly account: SubmittingAccount;
  /** What the token source gives, or throws. */
  token: string | AppError;
  /** What a refused token is replaced by; undefined: nothing, as when it was refreshed a moment ago. */
  renewed?: string;
  /** Tokens that were reported as refused. */
  readonly refused: string[];
}

export function testAccount(
  name: string,
  port: number,
  changes: Partial<SubmittingAccount> = {},
): TestAccount {
  const smtp: SmtpHost = { host: '127.0.0.1', port, tls: 'none' };
  const account: SubmittingAccount = {
    name,
    tokenFile: `/nowhere/${name}`,
    provider: gmail,
    client: {
      clientId: 'id',
      clientSecret: new Secret(''),
      tokenEndpoint: new URL('http://127.0.0.1/token'),
      refreshScope: undefined,
      proxy: undefined,
      caBundleFile: undefined,
      caCertsDir: undefined,
    },
    grant: { kind: 'refresh-token' },
    tokenStore: 'file',
    submission: { user: name, smtp, mechanism: undefined },
    refreshWindowSeconds: 600,
    senders: [name],
    ...changes,
  };
  return { account, token: `token-of-${name}`, refused: [] };
}

export interface RelayUnderTest {
  readonly addresses: Relay['addresses'];
  readonly figures: RelayFigures;
  /** Of the first address. */
  readonly port: number;
  readonly log: LogLine[];
  /** Messages that wait for a turn now, at all accounts. */
  readonly waiting: number;
  /** Other accounts and settings, through a pool of their own; resolves when sessions of before have ended. */
  reconfigure(
    accounts: readonly (TestAccount | BrokenAccount)[],
    settings?: Partial<RelaySettings>,
  ): Promise<{ readonly drained: Promise<void> }>;
  close(): Promise<void>;
}

export async function startTestRelay(
  accounts: readonly (TestAccount | BrokenAccount)[],
  settings: Partial<RelaySettings> = {},
  clock: Clock = systemClock,
): Promise<RelayUnderTest> {
  const log: LogLine[] = [];
  const logger = loggerInto(log);
  const deadlines = new Deadlines(clock);
  const figures = new RelayFigures();
  const common = { clock, deadlines, figures, logger, traceDialogue: true };
  const pools: UpstreamPool[] = [];
  const optionsWith = (
    accounts: readonly (TestAccount | BrokenAccount)[],
    settings: Partial<RelaySettings>,
  ) => {
    const pool = new UpstreamPool({ ...common, clientName: 'client.example', before: pools.at(-1) });
    pools.push(pool);
    const listen = [plainListener({ host: '127.0.0.1', port: 0 })];
    return {
      ...common,
      pool,
      hostname: 'relay.example',
      directory: directoryOf(accounts, clock),
      settings: {
        listen,
        unknownSender: 'defer',
        bareNewlines: 'defuse',
        limits: defaultLimits,
        ...settings,
      } as const,
    };
  };
  const relay = await startRelay(optionsWith(accounts, settings));
  return {
    get addresses() {
      return relay.addresses;
    },
    figures,
    get waiting() {
      return [...pools.at(-1)!.occupancy().values()].reduce((sum, { waiting }) => sum + waiting, 0);
    },
    port: relay.addresses[0]!.port,
    log,
    reconfigure: (accounts, settings = {}) => relay.reconfigure(optionsWith(accounts, settings)),
    close: async () => {
      await relay.close();
      for (const pool of pools) pool.close();
    },
  };
}

/** Accounts that a test adds or takes away count at once. */
function directoryOf(accounts: readonly (TestAccount | BrokenAccount)[], clock: Clock): AccountDirectory {
  let known: readonly unknown[] = [];
  let upstreams: readonly SmtpHost[] = [];
  return {
    lookup: (sender) => lookup(accounts, sender, clock),
    get upstreams() {
      if (known.length !== accounts.length) {
        known = [...accounts];
        upstreams = upstreamsOf(accounts.map((one) => ('account' in one ? one.account : one)));
      }
      return upstreams;
    },
  };
}

function lookup(accounts: readonly (TestAccount | BrokenAccount)[], sender: string, clock: Clock): Lookup {
  const found = accounts.find((one) => ('account' in one ? one.account : one).senders.includes(sender));
  if (accounts.length === 0) return { kind: 'none' };
  if (found === undefined) return { kind: 'unknown' };
  if ('problem' in found) return { kind: 'broken', account: found };
  const accessToken = (): Promise<AccessToken> =>
    typeof found.token === 'string'
      ? Promise.resolve({ secret: new Secret(found.token), expiresAt: clock.now() + 3_600_000 })
      : Promise.reject(found.token);
  const renew = async (token: AccessToken): Promise<AccessToken | undefined> => {
    found.refused.push(token.secret.reveal());
    if (found.renewed !== undefined) found.token = found.renewed;
    return found.renewed === undefined ? undefined : accessToken();
  };
  return { kind: 'usable', live: { account: found.account, tokens: { accessToken, renew } } };
}

const clients = new Set<TestClient>();

/** A relay that stops waits for clients in mid-transaction; a test that is over does not. */
export function endClients(): void {
  for (const client of clients) client.end();
  clients.clear();
}

/** A client that says what it is told and reads whole replies. */
export class TestClient {
  readonly socket: Socket;
  received = '';
  closed = false;
  /** Of the last refusal that named it: the id of the session. */
  session: string | undefined;
  #waiting: (() => void) | undefined;

  private constructor(socket: Socket) {
    this.socket = socket;
    clients.add(this);
    socket.on('data', (chunk: Buffer) => {
      this.received += chunk.toString('latin1');
      this.#waiting?.();
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.closed = true;
      clients.delete(this);
      this.#waiting?.();
    });
  }

  /** @param from one of this machine's addresses */
  static async connect(port: number, early?: string, from?: string): Promise<TestClient> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true, localAddress: from });
    const client = new TestClient(socket);
    if (early !== undefined) socket.write(early);
    await new Promise((resolve) => socket.once('connect', resolve));
    return client;
  }

  /** The same client in TLS, which begins now. */
  static async overTls(socket: Socket, options: ConnectionOptions = {}): Promise<TestClient> {
    const secure = connectTls({ socket, servername: 'localhost', ...options });
    const client = new TestClient(secure);
    await once(secure, 'secureConnect');
    return client;
  }

  send(text: string): void {
    this.socket.write(text, 'latin1');
  }

  /** Whether the relay has stopped reading: nothing that waits to be sent has moved for a moment. */
  async isBlocked(): Promise<boolean> {
    const before = this.#unsent;
    await new Promise((resolve) => setTimeout(resolve, 500));
    return before > 0 && this.#unsent === before;
  }

  /** What the kernel has not taken yet: `writableLength` changes only when a whole piece is gone. */
  get #unsent(): number {
    const { _handle: handle } = this.socket as unknown as { _handle: { writeQueueSize: number } | null };
    return handle?.writeQueueSize ?? 0;
  }

  /** The next whole reply, without its final line end and the session's id; `(closed)` when the connection ended first. */
  async reply(): Promise<string> {
    for (;;) {
      const match = /^(?:\d{3}-[^\n]*\n)*\d{3}(?: [^\n]*)?\r\n/.exec(this.received);
      if (match !== null) {
        this.received = this.received.slice(match[0].length);
        return match[0].trimEnd().replace(/ \(id ([0-9a-f]{6})\)$/, (_, id: string) => {
          this.session = id;
          return '';
        });
      }
      if (this.closed) return '(closed)';
      await new Promise<void>((resolve) => (this.#waiting = resolve));
    }
  }

  async say(line: string): Promise<string> {
    this.send(`${line}\r\n`);
    return this.reply();
  }

  /** Reads replies until the connection is closed. */
  async rest(): Promise<string[]> {
    const replies = [];
    for (let reply = await this.reply(); reply !== '(closed)'; reply = await this.reply())
      replies.push(reply);
    return replies;
  }

  end(): void {
    this.socket.destroy();
  }
}

/** Connects and greets. */
export async function greetedClient(port: number, from?: string): Promise<TestClient> {
  const client = await TestClient.connect(port, undefined, from);
  await client.reply();
  await client.say('EHLO client.example');
  return client;
}
