/**
 * Guesses passwords and tokens at a running `mailbearer serve` that logs all it can. Found as faults: a guess that is let
 * in, a reply that says neither no (535) nor later (454), a trace of a guess in the log, and an owner who is not let in
 * at once afterwards: the one who was there before from the guessers' own address, and one who was not from another.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Secret } from '../../src/core/secret.js';
import { derive, type HashCost, newSettings } from '../../src/submission/password-hash.js';
import { formatPasswords } from '../../src/submission/passwords-file.js';
import { freePort, startProgram, temporaryDirectory } from '../../test/support/process.js';
import { startProvider } from '../provider.js';
import { Random } from '../random.js';
import type { Progress, Report } from '../report.js';
import { tracesOf } from '../traces.js';
import { GuessSession, type Guess, mechanisms } from './session.js';

export interface GuessOptions {
  readonly guesses: number;
  readonly seed: number;
  /** What is not guessed by then is left out, and the figures say so. */
  readonly seconds: number;
  /** mailbearer's executable. */
  readonly program: string;
  readonly progress: Progress;
}

const owner = 'owner@guess.test';
const stranger = 'stranger@guess.test';
const rightPassword = 'right-password-of-all';
const rightToken = 'right-token-of-the-owner';
/** In every guess, so that one search finds any of them; nobody's secret. */
const marker = 'kh5Yw2';
/** What one check costs is not what is proved here. */
const cost: HashCost = { logN: 8, blockSize: 8, parallelization: 1 };
/** The relay lets each of them wait a second for its answer, once it has guessed too often. */
const atOnce = 64;
/** The relay ends a session with 20 errors. */
const guessesPerSession = 19;
const guessersAddress = '127.0.0.1';
const anotherAddress = '127.0.0.2';

export async function guess({ guesses, program, progress, seconds, seed }: GuessOptions): Promise<Report> {
  const startedAt = performance.now();
  const deadlineAt = startedAt + seconds * 1000;
  const random = new Random(seed);
  const faults: string[] = [];
  const answers = new Map<string, number>();
  const directory = await temporaryDirectory();
  const provider = await startProvider(rightToken, owner);
  const port = await freePort();
  const serve = startProgram(
    process.execPath,
    [
      program,
      'serve',
      '--log-level',
      'trace',
      '--config-file',
      await configure(directory.path, port, provider.url),
    ],
    {
      name: 'mailbearer serve',
    },
  );
  const letIn = async (who: Guess, from: string) => {
    const session = await GuessSession.open(port, from);
    const reply = await session.say(who);
    if (!reply.startsWith('235')) faults.push(`${who.user} is not let in from ${from}: ${reply}`);
    session.end();
  };
  const password = (user: string): Guess => ({ mechanism: 'PLAIN', user, secret: rightPassword });
  const token: Guess = { mechanism: 'XOAUTH2', user: owner, secret: rightToken };
  let made = 0;
  try {
    await serve.waitForOutput(/ready/);
    for (const who of [password(owner), token]) await letIn(who, guessersAddress);
    const guesser = async () => {
      while (made < guesses && performance.now() < deadlineAt) {
        const session = await GuessSession.open(port, guessersAddress);
        for (let count = 0; count < guessesPerSession && made < guesses; count++) {
          if (++made % 1000 === 0) progress(`${made} guesses, ${faults.length} faults`);
          const one = randomGuess(random);
          const reply = await session.say(one);
          const code = reply.slice(0, 3);
          answers.set(code, (answers.get(code) ?? 0) + 1);
          if (code !== '535' && code !== '454') faults.push(`${one.mechanism} of ${one.user}: ${reply}`);
        }
        session.end();
      }
    };
    await Promise.all(Array.from({ length: atOnce }, guesser));
    for (const who of [password(owner), token]) await letIn(who, guessersAddress);
    await letIn(password(stranger), anotherAddress);
    for (const trace of [...tracesOf(marker), rightPassword, rightToken])
      if (serve.output().includes(trace)) faults.push(`the log holds ${trace}`);
  } finally {
    await serve.stop();
    await provider.close();
    await directory.remove();
  }
  return {
    figures: [
      ['guesses', made],
      ['refused (535)', answers.get('535') ?? 0],
      ['not even looked at (454)', answers.get('454') ?? 0],
      ['octets of log', serve.output().length],
      ['faults', faults.length],
      ['seconds', (performance.now() - startedAt) / 1000],
    ],
    faults,
  };
}

async function configure(directory: string, port: number, introspectionUrl: string): Promise<string> {
  const passwordsFile = join(directory, 'passwd');
  const entries = [owner, stranger].map(async (user) => {
    const settings = newSettings(cost);
    const hash = { ...settings, hash: await derive(new Secret(rightPassword), settings) };
    return { user, name: 'only', hash, senders: undefined, accounts: undefined };
  });
  await writeFile(passwordsFile, formatPasswords(await Promise.all(entries)), { mode: 0o600 });
  const auth = {
    required: true,
    passwords_file: passwordsFile,
    oauth2: { introspection_url: introspectionUrl },
  };
  const listen = { address: `127.0.0.1:${port}`, auth };
  const config = { token_dir: directory, state_dir: directory, relay: { listen } };
  const configFile = join(directory, 'config.json');
  await writeFile(configFile, JSON.stringify(config));
  return configFile;
}

/** For a name that there is, or not; often something that begins like the right one. */
function randomGuess(random: Random): Guess {
  const mechanism = mechanisms[random.below(mechanisms.length)]!;
  const user = random.chance(0.7) ? owner : `user${random.below(1000)}@guess.test`;
  const right = mechanism === 'PLAIN' || mechanism === 'LOGIN' ? rightPassword : rightToken;
  const beginning = random.chance(0.5) ? right.slice(0, random.below(right.length)) : '';
  return { mechanism, user, secret: `${beginning}${marker}${random.below(2 ** 31).toString(36)}` };
}
