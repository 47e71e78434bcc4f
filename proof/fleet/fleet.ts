/**
 * The proof of a fleet: daemons that share accounts in one PostgreSQL, at a provider that rotates strictly, with tokens of
 * a few seconds. Daemons are killed and the database is stopped throughout, and mail is submitted all the while. In the end no
 * grant may be lost, no account have been refreshed twice at once, and no message be missing.
 */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseTokenStore, type PostgresAddress } from '../../src/config/postgres.js';
import { systemClock } from '../../src/core/clock.js';
import { Secret } from '../../src/core/secret.js';
import { AccountDatabase } from '../../src/tokens/postgres/accounts.js';
import { ownerPassword, PostgresServer } from '../../test/support/postgres.js';
import { Teardown, temporaryDirectory } from '../../test/support/process.js';
import { readFile } from 'node:fs/promises';
import { Random } from '../random.js';
import type { Progress, Report } from '../report.js';
import { behave, startSink } from '../sink.js';
import { FleetDaemon } from './daemon.js';
import { StrictDesk } from './desk.js';
import { Mail } from './mail.js';

export interface FleetOptions {
  readonly accounts: number;
  readonly seed: number;
  readonly seconds: number;
  /** How long a token lives. */
  readonly life: number;
  /** mailbearer's executable. */
  readonly program: string;
  readonly progress: Progress;
}

const machines = 3;
const clients = 6;
/** Between one trouble and the next. */
const calmMs = [1_000, 4_000] as const;
/** One in so many troubles is the database's. */
const databaseShare = 0.2;
const awayMs = [100, 3_000] as const;

export async function proveFleet(options: FleetOptions): Promise<Report> {
  const teardown = new Teardown();
  try {
    return await carryOut(options, teardown);
  } finally {
    await teardown.run();
  }
}

async function carryOut(options: FleetOptions, teardown: Teardown): Promise<Report> {
  const { life, program, progress, seconds } = options;
  const random = new Random(options.seed);
  const { path: directory, remove } = await temporaryDirectory();
  teardown.defer(remove);
  const server = await PostgresServer.start();
  teardown.defer(() => server.end());
  const store = await server.database('fleet', join(directory, 'secrets'));
  const accounts = await openAccounts(store, directory);
  teardown.defer(() => accounts.close());

  const names = Array.from({ length: options.accounts }, (_, number) => `mailbox${number}@fleet.test`);
  let signIns = 0;
  const signIn = async (name: string): Promise<void> => {
    const text = desk.signIn(name);
    for (;;) {
      // Until the database is there.
      const done = await accounts.add(name, text, { overwrite: true }).catch(() => false);
      if (done) return;
      await sleep(200);
    }
  };
  const again = (name: string) => {
    signIns++;
    void signIn(name);
  };
  const desk = await StrictDesk.start({ random: random.fork(), tokenSeconds: life, onEnd: again });
  teardown.defer(() => desk.stop());
  for (const name of names) await signIn(name);

  const mail = new Mail();
  const sink = await startSink({
    mood: () => behave,
    onMessage: (message) => mail.received(message),
    accepts: (token) => desk.accepts(token),
  });
  teardown.defer(() => sink.stop());
  const daemons: FleetDaemon[] = [];
  for (let number = 0; number < machines; number++) {
    const smtp = { host: '127.0.0.1', port: sink.port, tls: 'none' };
    const corp = { token_endpoint: desk.url(number), smtp };
    const config = { ...store, client_id: 'fleet', token_endpoint: desk.url(number), providers: { corp } };
    const daemon = await FleetDaemon.start({
      program,
      directory: join(directory, `machine${number}`),
      config,
    });
    daemons.push(daemon);
    teardown.defer(() => daemon.stop());
  }
  progress(`${names.length} accounts, ${machines} daemons`);

  const over = new AbortController();
  const sending = Array.from({ length: clients }, (_, client) =>
    mail.submit(client, names, daemons, random.fork(), over.signal),
  );
  const outages = await trouble({ daemons, desk, server, random: random.fork(), seconds, progress });
  over.abort();
  await Promise.all(sending);
  mail.judge();
  const kills = daemons.reduce((sum, daemon) => sum + daemon.kills, 0);
  return {
    figures: [
      ['accounts', names.length],
      ['refreshes', desk.refreshes],
      ['daemons killed', kills],
      ['outages of the database', outages],
      ['messages taken', mail.submitted],
      ['deferrals', mail.deferrals],
      ['messages that came twice', mail.twice],
      ['answers that died with their process', desk.diedWithProcess],
      ['new sign-ins', signIns],
      ['seconds', seconds],
    ],
    faults: [...desk.faults, ...mail.faults, ...daemons.flatMap((daemon) => daemon.faults)],
  };
}

async function openAccounts(
  { token_store }: { token_store: string },
  directory: string,
): Promise<AccountDatabase> {
  const parsed = parseTokenStore(token_store);
  const address = ('value' in parsed && parsed.value) as PostgresAddress;
  const keys = new Secret(await readFile(join(directory, 'secrets', 'keys'), 'utf8'));
  const settings = { ...address, password: new Secret(ownerPassword), keys, tls: false, caFile: undefined };
  const options = { settings, keptDirectory: undefined, clock: systemClock, random: Math.random };
  await AccountDatabase.setUp(options);
  return AccountDatabase.open(options);
}

interface Trouble {
  readonly daemons: readonly FleetDaemon[];
  readonly desk: StrictDesk;
  readonly server: PostgresServer;
  readonly random: Random;
  readonly seconds: number;
  readonly progress: Progress;
}

/** How often the database was away. Resolves when all is well again. */
async function trouble({ daemons, desk, progress, random, seconds, server }: Trouble): Promise<number> {
  const startedAt = performance.now();
  const rising = new Set<Promise<void>>();
  let outages = 0;
  while ((performance.now() - startedAt) / 1000 < seconds) {
    await sleep(random.between(...calmMs));
    if (random.chance(databaseShare)) {
      outages++;
      await server.stop();
      await sleep(random.between(...awayMs));
      await server.begin();
    } else {
      const number = random.below(daemons.length);
      const rise = daemons[number]!.die(() => desk.killed(number));
      rising.add(rise);
      void rise.finally(() => rising.delete(rise));
    }
    const passed = Math.round((performance.now() - startedAt) / 1000);
    progress(`${passed} s: ${desk.refreshes} refreshes, ${desk.faults.length} faults`);
  }
  await Promise.all(rising);
  return outages;
}
