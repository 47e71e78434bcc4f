/**
 * From an account and a token to a connection on which mail can be sent: connect, secure, authenticate. Whatever
 * goes wrong, the connection is closed and an AppError says what it was.
 */
import { isIP, type Socket } from 'node:net';
import type { SubmittingAccount } from '../accounts/account.js';
import type { Clock } from '../core/clock.js';
import { toAppError } from '../core/errors.js';
import {
  type Conversation,
  type Extensions,
  hello,
  requestStartTls,
  signIn,
} from '../protocol/smtp/client.js';
import type { AccessToken } from '../refresh/token-source.js';
import { openTcp, secureContextFor, startTls } from './connect.js';
import { LockStep } from './lock-step.js';

export interface GreetingOptions {
  readonly account: SubmittingAccount;
  /** Our name in EHLO. */
  readonly clientName: string;
  readonly clock: Clock;
  /** Aborted: the attempt ends at once, and fails with the signal's reason. */
  readonly signal: AbortSignal;
  /** Gets each line of the conversation, tokens redacted. */
  readonly dialogue: ((line: string) => void) | undefined;
}

export interface LoginOptions extends GreetingOptions {
  readonly token: AccessToken;
}

export interface Login {
  readonly socket: Socket;
  /** What the server offered last. */
  readonly extensions: Extensions;
}

/** Throws AppError upstream-* or config-invalid; the refusal of a token is an AuthRefused. */
export function logIn(options: LoginOptions): Promise<Login> {
  const { smtp, user, mechanism } = options.account.submission;
  const credentials = { user, token: options.token.secret, host: smtp.host, port: smtp.port };
  return begin(options, (beginning) => signIn({ ...beginning, mechanism, credentials }));
}

/** The same up to the EHLO before AUTH. */
export function greet(options: GreetingOptions): Promise<Login> {
  return begin(options, hello);
}

async function begin(
  { account, clientName, clock, dialogue, signal }: GreetingOptions,
  converse: (options: { awaitGreeting: boolean; clientName: string }) => Conversation<Extensions>,
): Promise<Login> {
  const { smtp } = account.submission;
  const lockStepOptions = { where: `${smtp.host}:${smtp.port}`, clock, dialogue };
  // Before there is a connection, so that nothing is waited for between it and the handshake.
  const context = smtp.tls === 'none' ? undefined : await secureContextFor(account.client);
  let socket = await openTcp(smtp, clock, signal);
  const stop = () => socket.destroy();
  signal.addEventListener('abort', stop, { once: true });
  try {
    if (context !== undefined) {
      if (smtp.tls === 'starttls') {
        const inClear = new LockStep(socket, lockStepOptions);
        await inClear.converse(requestStartTls(clientName));
        inClear.release();
      }
      socket = await startTls(socket, smtp, context, clock);
    }
    const lockStep = new LockStep(socket, lockStepOptions);
    const awaitGreeting = smtp.tls !== 'starttls';
    const extensions = await lockStep.converse(converse({ awaitGreeting, clientName }));
    return { socket: lockStep.release(), extensions };
  } catch (error) {
    socket.destroy();
    throw toAppError(signal.aborted ? signal.reason : error);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

/** Our name for EHLO: the host's, when it is one that other servers accept, else an address literal. */
export function ehloName(hostname: string): string {
  if (isIP(hostname)) return hostname.includes(':') ? `[IPv6:${hostname}]` : `[${hostname}]`;
  return /^[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$/.test(hostname) ? hostname : '[127.0.0.1]';
}
