/**
 * A token that another program has: pizauth, oama, gcloud, or a script. It prints the token on a line, or JSON with
 * `access_token` and `expires_in` (seconds) or `expiry` (seconds since the epoch). Its first word of complaint is
 * shown in short, and never what it prints nor what looks like a secret.
 */
import { spawn } from 'node:child_process';
import { type Clock, systemClock } from '../core/clock.js';
import { Secret } from '../core/secret.js';
import { readable } from './classify.js';
import { withoutSuspects } from './foreign-words.js';
import type { RefreshOutcome } from './outcome.js';

const timeoutMs = 30_000;
const mostOctets = 65_536;
/** Where the program does not say: soon asked again, since that costs little. Seconds. */
const assumedLifetimeSeconds = 300;

interface Ended {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly timedOut: boolean;
}

/**
 * Never rejects. A failure is transient: such programs fail for want of a network as well as for good.
 * @param secrets what the program may know and must not say
 */
export async function runTokenCommand(
  command: string | readonly string[],
  clock: Clock = systemClock,
  secrets: readonly Secret[] = [],
): Promise<RefreshOutcome> {
  const [program = '', ...args] = typeof command === 'string' ? ['/bin/sh', '-c', command] : command;
  let ended: Ended;
  try {
    ended = await run(program, args, clock);
  } catch (error) {
    const reason = `token_command cannot be run: ${error instanceof Error ? error.message : String(error)}`;
    return { kind: 'misconfigured', reason, advice: 'correct token_command in the configuration' };
  }
  const { signal, status, stderr, stdout, timedOut } = ended;
  if (timedOut) return failed(`token_command was not done within ${timeoutMs / 1000} s`);
  if (status !== 0) {
    const [first = ''] = stderr.trim().split('\n');
    const how = status === null ? `was ended by ${signal}` : `ended with status ${status}`;
    const words = withoutSuspects(readable(first, [...secrets, ...wordsOf(stdout)]));
    return failed(`token_command ${how}${words === '' ? '' : `: ${words}`}`);
  }
  return understand(stdout.trim(), clock.now()) ?? failed('token_command printed no token');
}

/** What was printed, part by part: it may be said once more. Short words give nothing away. */
function wordsOf(stdout: string): Secret[] {
  return (stdout.match(/[^\s"',:{}]{8,}/g) ?? []).map((word) => new Secret(word));
}

function failed(reason: string): RefreshOutcome {
  return { kind: 'transient', reason, retryAfterSeconds: undefined };
}

function understand(text: string, now: number): RefreshOutcome | undefined {
  const json = text.startsWith('{') ? parse(text) : { access_token: text };
  const token = json?.['access_token'];
  if (typeof token !== 'string' || !/^[\x21-\x7e]+$/.test(token)) return undefined;
  const life = lifetime(json, token, now);
  return {
    kind: 'refreshed',
    accessToken: new Secret(token),
    refreshToken: undefined,
    expiresInSeconds: life ?? assumedLifetimeSeconds,
    lifetimeKnown: true,
  };
}

/** As it says, else as a JWT says of itself; seconds. */
function lifetime(json: Record<string, unknown> | undefined, token: string, now: number): number | undefined {
  const expiresIn = Number(json?.['expires_in']);
  if (expiresIn > 0) return Math.floor(expiresIn);
  const payload = Buffer.from(token.split('.')[1] ?? '', 'base64url').toString();
  const expiry = Number(json?.['expiry'] ?? parse(payload)?.['exp']);
  const left = Math.floor(expiry - now / 1000);
  return left > 0 ? left : undefined;
}

function parse(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function run(program: string, args: readonly string[], clock: Clock): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    const said = { stdout: '', stderr: '' };
    let timedOut = false;
    const timer = clock.setTimer(timeoutMs, () => {
      timedOut = true;
      child.kill('SIGKILL');
      // What it has started may hold its pipes open.
      child.stdout.destroy();
      child.stderr.destroy();
    });
    for (const name of ['stdout', 'stderr'] as const)
      child[name].setEncoding('utf8').on('data', (text: string) => {
        if (said[name].length < mostOctets) said[name] += text;
      });
    child.once('error', (error) => {
      timer.cancel();
      reject(error);
    });
    child.once('close', (status, signal) => {
      timer.cancel();
      resolve({ status, signal, ...said, timedOut });
    });
  });
}
