/**
 * The soak: a daemon under a load that never rests, with faults on all sides, for as long as one likes. Memory, open
 * descriptors and the delay of its event loop must stay where they are (verdict.ts says what that means), and what is
 * acknowledged must have arrived. Needs Linux, for /proc, and bash.
 */
import { setMaxListeners } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createCertificateAuthority } from '../../test/support/certificates.js';
import { eventually, Teardown, temporaryDirectory } from '../../test/support/process.js';
import { Random } from '../random.js';
import type { Progress, Report } from '../report.js';
import { startSink } from '../sink.js';
import { stormyMood } from '../storm/mood.js';
import { TokenDesk } from '../storm/token-desk.js';
import { Askers } from './askers.js';
import { Clients } from './clients.js';
import { senders, SoakedDaemon } from './daemon.js';
import { Gauge } from './gauge.js';
import { criterion, findGrowth, quarter, type Rest, type Sample } from './verdict.js';
import { Viewers } from './viewers.js';

export interface SoakOptions {
  readonly seconds: number;
  readonly seed: number;
  /** mailbearer's executable. */
  readonly program: string;
  readonly progress: Progress;
}

const clientsAtOnce = 8;
const viewersAtOnce = 3;
const askersAtOnce = 2;
const samplesInAll = 200;
const shortestSampleMs = 200;
/** Of the time, before the first measurement at rest; what is loaded with the first message is loaded then. */
const warmUpShare = 0.1;
const longestWarmUpMs = 30_000;
/** A refresh is due after half of it, and tokens are withdrawn before that. */
const tokenSeconds = 150;
const progressMs = 10_000;

export async function soak(options: SoakOptions): Promise<Report> {
  const teardown = new Teardown();
  try {
    return await run(options, teardown);
  } finally {
    await teardown.run();
  }
}

async function run({ program, progress, seconds, seed }: SoakOptions, teardown: Teardown): Promise<Report> {
  const random = new Random(seed);
  const { path: directory, remove } = await temporaryDirectory();
  teardown.defer(remove);
  const authority = await createCertificateAuthority(join(directory, 'certificates'));
  const tokenDesk = teardown.add(await TokenDesk.start(random.fork(), tokenSeconds));
  const phases: { askers: Askers; clients: Clients; viewers: Viewers }[] = [];
  const sink = teardown.add(
    await startSink(
      {
        mood: stormyMood(random.fork()),
        accepts: tokenDesk.accepts.bind(tokenDesk),
        onMessage: (message) => phases.at(-1)?.clients.received(message),
      },
      await authority.issue('sink'),
    ),
  );
  const daemon = teardown.add(
    await SoakedDaemon.start({
      program,
      directory,
      tokenDesk,
      sinkPort: sink.port,
      authorityFile: authority.certificateFile,
    }),
  );
  const gauge = new Gauge(daemon.pid, daemon.statusPort);
  const death = daemon.died();

  const loadFor = async (ms: number, samples: Sample[]): Promise<void> => {
    const end = new AbortController();
    const { signal } = end;
    setMaxListeners(0, signal);
    const clients = new Clients({ port: daemon.port, senders, signal });
    const viewers = new Viewers({ port: daemon.statusPort, keyFile: daemon.keyFile, signal });
    const askers = new Askers({ path: daemon.socketmap, senders, signal });
    phases.push({ askers, clients, viewers });
    const times = (count: number, act: () => Promise<void>) => Array.from({ length: count }, act);
    const all = Promise.all([
      ...times(clientsAtOnce, () => clients.send(random.fork())),
      ...times(askersAtOnce, () => askers.ask(random.fork())),
      ...times(viewersAtOnce, () => viewers.look(random.fork())),
      daemon.reloadRepeatedly(random.fork(), signal),
      daemon.changeFilesRepeatedly(random.fork(), signal),
      take(gauge, ms, samples, signal),
      sleep(ms).finally(() => end.abort()),
    ]);
    await all.finally(() => end.abort());
  };
  /** Nobody wants anything of it any more. */
  const settle = async (): Promise<Rest> => {
    await daemon.restore();
    sink.hangUp();
    let before = '';
    return eventually(
      'the daemon to come to rest',
      async () => {
        await sleep(shortestSampleMs);
        if (!(await gauge.isQuiet())) return undefined;
        const now = await gauge.rest();
        const same = `${now.descriptors} ${now.resources}` === before;
        before = `${now.descriptors} ${now.resources}`;
        return same ? now : undefined;
      },
      async () =>
        [...(await gauge.metrics())].filter(([name]) => /sessions|resources|waiting/.test(name)).join('\n'),
    );
  };

  const samples: Sample[] = [];
  const faults: string[] = [];
  const work = async () => {
    await loadFor(Math.min(longestWarmUpMs, seconds * 1000 * warmUpShare), []);
    const before = await settle();
    progress(`at rest after the start: ${describe(before)}`);
    const ticker = setInterval(() => {
      const { rssBytes, delayMs } = samples.at(-1) ?? { rssBytes: NaN, delayMs: NaN };
      progress(
        `${samples.length} of ${samplesInAll} samples: ${mebibytes(rssBytes)} MiB, ${delayMs.toFixed(1)} ms`,
      );
    }, progressMs);
    await loadFor(seconds * 1000, samples).finally(() => clearInterval(ticker));
    return [before, await settle()] as const;
  };
  const died = death.then((why) => {
    throw new Error(why);
  });
  const [before, after] = await Promise.race([work(), died]);
  const metrics = await gauge.metrics();
  const counted = (name: string) => metrics.get(name) ?? NaN;
  const total = (of: (phase: (typeof phases)[number]) => number) =>
    phases.reduce((sum, phase) => sum + of(phase), 0);
  const [first, last] = [quarter(samples, 0), quarter(samples, 3)];
  faults.push(...phases.flatMap(({ clients }) => clients.faults), ...findGrowth(before, after, samples));
  return {
    figures: [
      ['seconds', seconds],
      ['client sessions', total(({ clients }) => clients.sessions)],
      ['clients that vanished', total(({ clients }) => clients.vanished)],
      ['messages acknowledged', total(({ clients }) => clients.acknowledged)],
      ['messages deferred', counted('mailbearer_messages_total{outcome="deferred"}')],
      ['upstream connections', sink.connections],
      ['tokens renewed', tokenDesk.renewals],
      ['tokens refused', tokenDesk.refusals],
      ['reloads', daemon.reloads],
      ['token files changed', daemon.changedFiles],
      ['visits to the status page', total(({ viewers }) => viewers.visits)],
      ['tokens asked for', total(({ askers }) => askers.answers)],
      ['at rest, start', describe(before)],
      ['at rest, end', describe(after)],
      ['MiB under load, first and last quarter', `${mebibytes(first.rssBytes)}, ${mebibytes(last.rssBytes)}`],
      ['MiB under load, most', mebibytes(Math.max(...samples.map(({ rssBytes }) => rssBytes)))],
      [
        'event-loop delay (p99), ms, first and last quarter',
        `${first.delayMs.toFixed(1)}, ${last.delayMs.toFixed(1)}`,
      ],
      ['bounded means', criterion],
      ['bounded', faults.length === 0 ? 'yes' : 'no'],
    ],
    faults,
  };
}

/** Samples at even distances, the same number however long it takes. */
async function take(gauge: Gauge, ms: number, samples: Sample[], signal: AbortSignal): Promise<void> {
  const everyMs = Math.max(shortestSampleMs, ms / samplesInAll);
  await gauge.sample();
  for (;;) {
    await sleep(everyMs, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return;
    samples.push(await gauge.sample());
  }
}

function describe({ descriptors, resources, rssBytes }: Rest): string {
  return `${mebibytes(rssBytes)} MiB, ${descriptors} descriptors, ${resources} resources`;
}

function mebibytes(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(0);
}
