/**
 * The killing of refreshes: `mailbearer refresh` and `serve` refresh a token at a real OpenID provider that rotates
 * strictly (a used refresh token that comes back ends the sign-in), and are killed with SIGKILL at every step. After
 * each kill the file is judged, and the next refresh must go through: with the newest token it succeeds, and with the
 * one before it the provider's refusal is told as what it is.
 */
import { join } from 'node:path';
import { type OpenIdProvider, startOpenIdProvider } from '../../examples/demo/openid-provider.js';
import { Teardown, temporaryDirectory } from '../../test/support/process.js';
import { Random } from '../random.js';
import type { Progress, Report } from '../report.js';
import { judge, type Verdict } from './judge.js';
import { type Life, live } from './life.js';
import { Mailbox } from './mailbox.js';
import { type Death, describeDeath, inTurn, placesOf, type Program, programs } from './plan.js';
import { Tally } from './tally.js';

export interface RefreshProofOptions {
  readonly kills: number;
  readonly seed: number;
  /** What is not done by then is left out, and the figures say so. */
  readonly seconds: number;
  /** mailbearer's executable, and mortal.js. */
  readonly program: string;
  readonly mortal: string;
  readonly progress: Progress;
}

/** So many accounts at a time, each with its own provider's front; two cores are what the smallest machine has. */
const mailboxes = 2;
/** Leftovers that hold tokens go with the first refresh after ten minutes. */
const muchLaterMs = 11 * 60_000;

export async function killRefreshes(options: RefreshProofOptions): Promise<Report> {
  const teardown = new Teardown();
  try {
    return await carryOut(options, teardown);
  } finally {
    await teardown.run();
  }
}

async function carryOut(options: RefreshProofOptions, teardown: Teardown): Promise<Report> {
  const { kills, seconds, progress } = options;
  const startedAt = performance.now();
  const secondsPassed = () => (performance.now() - startedAt) / 1000;
  const random = new Random(options.seed);
  const directory = await temporaryDirectory();
  teardown.defer(directory.remove);
  const logins = Array.from({ length: mailboxes }, (_, number) => `mailbox${number}@refresh.test`);
  const accounts = logins.map((email) => ({ sub: email, email }));
  const provider = await startOpenIdProvider({ accounts, rotate: true });
  teardown.defer(() => provider.close());
  const open = (login: string) => openMailbox(join(directory.path, login), login, provider, teardown);
  const all = await Promise.all(logins.map(open));

  const tally = new Tally(progress);
  const whole = await rehearse(options, all[0]!);
  const deaths = programs.flatMap((program) => placesOf(program, whole[program].begun.length, random.fork()));
  const turns = inTurn(deaths, random.fork());
  let begun = 0;
  const keepDying = async (mailbox: Mailbox) => {
    while (begun < kills && secondsPassed() < seconds) {
      begun++;
      const death = turns.next().value;
      const killed = await die(options, mailbox, death, whole[death.program].durationMs, tally);
      if (!killed) begun--;
    }
  };
  await Promise.all(all.map(keepDying));
  return {
    figures: [
      ...programs.map((name) => [`steps of \`${name}\``, whole[name].begun.length] as const),
      ['places to die', deaths.length],
      ...tally.figures(),
      ['seconds', secondsPassed()],
    ],
    faults: tally.faults,
  };
}

async function openMailbox(
  directory: string,
  login: string,
  provider: OpenIdProvider,
  teardown: Teardown,
): Promise<Mailbox> {
  const mailbox = await Mailbox.open(directory, login, provider);
  teardown.defer(() => mailbox.desk.stop());
  return mailbox;
}

/** A life of each program that nothing ends: how many steps it has, and how long it takes. Throws when it fails. */
async function rehearse(options: RefreshProofOptions, mailbox: Mailbox): Promise<Record<Program, Life>> {
  const lives: Partial<Record<Program, Life>> = {};
  for (const program of programs) {
    await mailbox.expire(mailbox.desk.newest);
    const never = { at: 'step', number: Infinity, moment: 'after' } as const;
    const life = await live(options, mailbox, { program, place: never }, Infinity);
    if (!life.told || life.begun.length === 0)
      throw new Error(`${program} does not refresh:\n${life.output}`);
    lives[program] = life;
  }
  return lives as Record<Program, Life>;
}

/** False when it lived on. */
async function die(
  options: RefreshProofOptions,
  mailbox: Mailbox,
  death: Death,
  wholeMs: number,
  tally: Tally,
): Promise<boolean> {
  const { desk } = mailbox;
  const before = desk.newest;
  await mailbox.expire(before);
  const life = await live(options, mailbox, death, wholeMs);
  const replaced = life.done.some((step) => /^rename \S+\.tmp to [^.]\S*$/.test(step));
  // Once when the space is set aside, and then with the answer.
  const written = life.done.filter((step) => /^write \S+\.tmp$/.test(step)).length > 1;
  await desk.settle();
  const { newest, answered, questions } = desk;
  const verdict = judge({
    before,
    newest,
    answered,
    replaced,
    written,
    told: life.told,
    ...(await mailbox.look()),
  });
  tally.add(death, life, verdict, questions > 0, await mailbox.litter());
  if (verdict.kind === 'fault') {
    await mailbox.signIn();
    await sweep(mailbox, death, tally);
    return !life.survived;
  }

  const next = await mailbox.refresh();
  const outcome = next.kind === 'failed' ? next.error.code : next.kind;
  tally.addNext(verdict, outcome === 'refreshed');
  if (!mayFollow(verdict).includes(outcome)) {
    const why = next.kind === 'failed' ? `: ${next.error.message}` : '';
    tally.fault(`${describeDeath(death)}: the next refresh, with the ${verdict.kind}, is ${outcome}${why}`);
  }
  if (outcome !== 'refreshed') await mailbox.signIn();
  await sweep(mailbox, death, tally);
  return !life.survived;
}

/**
 * What the next refresh may come to. A strict provider refuses the one before, and only a new sign-in helps (a lenient
 * one would take it), unless the new one lies beside the file; whether it does is sure only once the process knew it.
 */
function mayFollow(verdict: Exclude<Verdict, { kind: 'fault' }>): string[] {
  if (verdict.kind === 'newest' || verdict.written) return ['refreshed'];
  return verdict.answered ? ['refreshed', 'grant-dead'] : ['grant-dead'];
}

/** After a while there is nothing left but the token file; and the next life finds what every other found. */
async function sweep(mailbox: Mailbox, death: Death, tally: Tally): Promise<void> {
  const { kind } = await mailbox.refresh(muchLaterMs);
  const left = await mailbox.litter();
  if (kind !== 'refreshed' || left > 0)
    tally.fault(`${describeDeath(death)}: a later refresh is ${kind} and leaves ${left} files behind`);
}
