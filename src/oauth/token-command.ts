/**
 * A token that another program has: pizauth, oama, gcloud, or a script; printed-token.ts knows what they print. The
 * program's first word of complaint is shown in short, and never what it prints nor what looks like a secret. It has a
 * process group of its own, which is ended whole when it takes too long.
 */
import { spawn } from 'node:child_process';
import { type Clock, systemClock } from '../core/clock.js';
import { formatDuration } from '../core/duration.js';
import { Secret } from '../core/secret.js';
import { readable } from './classify.js';
import { withoutSuspects } from './foreign-words.js';
import type { RefreshOutcome } from './outcome.js';
import { readPrintedToken } from './printed-token.js';

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
  const printed = readPrintedToken(stdout.trim(), clock.now());
  if (printed === undefined) return failed('token_command printed no token');
  const { secondsLeft = assumedLifetimeSeconds, token } = printed;
  if (secondsLeft <= 0)
    return failed(`token_command printed a token that expired ${formatDuration(-secondsLeft)} ago`);
  return {
    kind: 'refreshed',
    accessToken: token,
    refreshToken: undefined,
    expiresInSeconds: secondsLeft,
    lifetimeKnown: true,
  };
}

/** What was printed, part by part: it may be said once more. Short words give nothing away. */
function wordsOf(stdout: string): Secret[] {
  return (stdout.match(/[^\s"',:{}]{8,}/g) ?? []).map((word) => new Secret(word));
}

function failed(reason: string): RefreshOutcome {
  return { kind: 'transient', reason, retryAfterSeconds: undefined };
}

function run(program: string, args: readonly string[], clock: Clock): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    const said = { stdout: '', stderr: '' };
    let timedOut = false;
    const timer = clock.setTimer(timeoutMs, () => {
      timedOut = true;
      endGroup(child.pid);
      // What has left its group may hold its pipes open.
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

/** It and all that it has started. A pid that is still ours to wait for cannot be another's group. */
function endGroup(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch {
    // All of it has ended.
  }
}
