/**
 * The storm: Debian's Postfix queues messages and hands them to `mailbearer serve`, which is killed and started again
 * all the time, in front of a sink that fails at random, refuses tokens until they are renewed, and wants TLS. It is over when Postfix's queue is empty. Whatever then is
 * missing, damaged, bounced, or there twice for no good reason is a fault. Needs Postfix, and root to start it.
 */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createCertificateAuthority } from '../../test/support/certificates.js';
import { startPostfix } from '../../test/support/postfix.js';
import { Teardown, temporaryDirectory } from '../../test/support/process.js';
import { SmtpDialogue } from '../../test/system/smtp-dialogue.js';
import { Random } from '../random.js';
import type { Progress, Report } from '../report.js';
import { startSink } from '../sink.js';
import { Ledger } from './ledger.js';
import { composeMessage } from './message.js';
import { stormyMood } from './mood.js';
import { readAttempts } from './postfix-log.js';
import { MortalRelay, senders } from './relay.js';
import { TokenDesk } from './token-desk.js';

export interface StormOptions {
  readonly messages: number;
  readonly seed: number;
  /** When the queue is not empty after so long, that is a fault. */
  readonly seconds: number;
  /** How long each relay lives from when it is ready. */
  readonly lifeMs: number;
  /** mailbearer's executable. */
  readonly program: string;
  readonly progress: Progress;
}

/** How many client sessions fill the queue. */
const submitters = 4;
const lookMs = 500;
const attemptsPerSecond = 400;

export async function storm(options: StormOptions): Promise<Report> {
  const teardown = new Teardown();
  try {
    return await rage(options, teardown);
  } finally {
    await teardown.run();
  }
}

async function rage(options: StormOptions, teardown: Teardown): Promise<Report> {
  const { messages, progress } = options;
  const random = new Random(options.seed);
  const startedAt = performance.now();
  const secondsPassed = () => (performance.now() - startedAt) / 1000;

  const directory = await temporaryDirectory();
  teardown.defer(directory.remove);
  const ledger = new Ledger();
  const onMessage = ledger.received.bind(ledger);
  const authority = await createCertificateAuthority(join(directory.path, 'certificates'));
  const tokenDesk = teardown.add(await TokenDesk.start(random.fork()));
  const accepts = tokenDesk.accepts.bind(tokenDesk);
  const temper = { mood: stormyMood(random.fork()), onMessage, accepts };
  const sink = teardown.add(await startSink(temper, await authority.issue('sink')));
  const relay = teardown.add(
    await MortalRelay.start({
      program: options.program,
      directory: directory.path,
      sinkPort: sink.port,
      authorityFile: authority.certificateFile,
      tokenDesk,
    }),
  );
  const postfix = teardown.add(
    await startPostfix(join(directory.path, 'postfix'), mainCf(relay.port, messages)),
  );

  const calm = new AbortController();
  const dying = relay.dieRepeatedly(options.lifeMs, calm.signal);
  const faults: string[] = [];
  try {
    await fillQueue(postfix.port, ledger, messages, random);
    // A message that moves from one directory of the queue to another may be in neither when they are listed.
    const count = async () => (await postfix.queue()).length || (await postfix.queue()).length;
    let waiting = await count();
    while (waiting > 0 && secondsPassed() < options.seconds) {
      progress(
        `${Math.round(secondsPassed())} s: ${waiting} messages in the queue, ${relay.kills.length} kills`,
      );
      await sleep(lookMs);
      waiting = await count();
    }
    if (waiting > 0) faults.push(`${waiting} messages are still in the queue after ${options.seconds} s`);
  } finally {
    calm.abort();
    await dying;
  }

  const attempts = readAttempts(await postfix.log());
  const verdict = ledger.judge(attempts, relay.kills);
  return {
    figures: [
      ['messages', messages],
      ['recipients', ledger.recipients],
      ['deliveries', verdict.deliveries],
      ['duplicates, reply dropped by the sink', verdict.duplicatesByDrop],
      ['duplicates, relay killed before its reply', verdict.duplicatesByKill],
      ['kills and restarts', relay.kills.length],
      ['deferrals', attempts.deferrals],
      ['bounces', attempts.bounces.length],
      ['upstream connections', sink.connections],
      ['tokens refused', tokenDesk.refusals],
      ['tokens renewed', tokenDesk.renewals],
      ['seconds', secondsPassed()],
    ],
    faults: [...faults, ...relay.faults, ...verdict.faults],
  };
}

/**
 * A relay that is dead for half a second is no reason to suspend the whole queue; nor is it to be kept from starting
 * by a thousand attempts a second.
 */
function mainCf(relayPort: number, messages: number): string {
  const backOffSeconds = Math.ceil(messages / attemptsPerSecond);
  return `myhostname = storm.test
relayhost = [127.0.0.1]:${relayPort}
# Postfix itself would break lines of more than 998 octets.
smtp_line_length_limit = 0
smtp_destination_concurrency_failed_cohort_limit = 0
minimal_backoff_time = ${backOffSeconds}s
maximal_backoff_time = ${2 * backOffSeconds}s
in_flow_delay = 0
`;
}

/** Some messages have three recipients, so that a refusal may be about one of them. */
async function fillQueue(port: number, ledger: Ledger, messages: number, random: Random): Promise<void> {
  const work = Array.from({ length: messages }, (_, number) => number);
  const submit = async (random: Random) => {
    const dialogue = await SmtpDialogue.open(port);
    await dialogue.command('EHLO storm.test');
    for (let number = work.shift(); number !== undefined; number = work.shift()) {
      const count = random.chance(0.2) ? 3 : 1;
      const to = Array.from({ length: count }, (_, index) => `${number}.${index}@storm.test`);
      ledger.submitted(number, to);
      const { recipients, end } = await dialogue.submit({
        from: senders[number % senders.length]!,
        to,
        message: composeMessage(number, random),
        parameters: 'BODY=8BITMIME',
      });
      for (const { code, lines } of [...recipients, end])
        if (code !== 250)
          throw new Error(`Postfix does not take message ${number}: ${code} ${lines.join(' ')}`);
    }
    await dialogue.quit();
  };
  await Promise.all(Array.from({ length: submitters }, () => submit(random.fork())));
}
