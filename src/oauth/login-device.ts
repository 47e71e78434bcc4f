/**
 * Sign-in with a code that is typed in on another device (RFC 8628): ask for a code, let it be shown, poll until
 * the person has agreed or refused, the code has expired, or the caller gives up. It prints nothing.
 */
import { sleep, systemClock } from '../core/clock.js';
import { AppError } from '../core/errors.js';
import { type DeviceAuthorization, pollDeviceAuthorization, requestDeviceAuthorization } from './client.js';
import { completeLogin, loginError, type LoginOptions, type SignedIn } from './login.js';

export interface DeviceLoginOptions extends LoginOptions {
  readonly deviceAuthorizationEndpoint: URL;
  /** Gives up: `result` rejects with login-denied. */
  readonly signal?: AbortSignal;
}

export interface DeviceLogin {
  /** Where the person goes, and what is typed in there; printable ASCII. */
  readonly verificationUri: string;
  readonly userCode: string;
  /** The same with the code in it, where the provider has one. */
  readonly verificationUriComplete: string | undefined;
  readonly expiresInSeconds: number;
  /** Rejects with AppError login-denied or client-rejected. */
  readonly result: Promise<SignedIn>;
}

/** RFC 8628 section 3.5: "the interval MUST be increased by 5 seconds". */
const slowDownSeconds = 5;
/** Back-off after an answer that did not come stays below this, so that a person's "yes" is noticed soon. */
const longestIntervalSeconds = 60;

/** Throws AppError client-rejected, login-denied or refresh-transient when no code is given. */
export async function startDeviceLogin(options: DeviceLoginOptions): Promise<DeviceLogin> {
  const { client, clock = systemClock, deviceAuthorizationEndpoint, scope, signal } = options;
  const parameters: Record<string, string> = scope === undefined ? {} : { scope };
  const device = await requestDeviceAuthorization(client, deviceAuthorizationEndpoint, parameters, {
    clock,
    signal,
  });
  if (device.kind === 'refused') throw loginError(device.outcome, deviceAuthorizationEndpoint);
  const result = poll(device, { ...options, clock });
  // Who only shows the code and never waits shall not bring the process down.
  result.catch(() => undefined);
  const { verificationUri, userCode, verificationUriComplete, expiresInSeconds } = device;
  return { verificationUri, userCode, verificationUriComplete, expiresInSeconds, result };
}

async function poll(
  device: DeviceAuthorization,
  { client, clock = systemClock, signal }: DeviceLoginOptions,
): Promise<SignedIn> {
  const end = clock.monotonic() + device.expiresInSeconds * 1000;
  let intervalSeconds = device.intervalSeconds;
  let pauseSeconds = intervalSeconds;
  for (;;) {
    if (clock.monotonic() + pauseSeconds * 1000 > end)
      throw new AppError('login-denied', 'the code was not entered before it expired', {
        hint: 'start again, and enter the new code in time',
      });
    await sleep(clock, pauseSeconds * 1000, signal).catch(giveUp);
    const reply = await pollDeviceAuthorization(client, device.deviceCode, { clock, signal });
    if (reply.kind === 'refreshed') return completeLogin(reply);
    const { error, outcome } = reply;
    if (outcome.kind !== 'transient') throw loginError(outcome, client.tokenEndpoint);
    if (error === 'slow_down') intervalSeconds += slowDownSeconds;
    // No answer: "reduce their polling frequency", doubling is what section 3.5 suggests.
    else if (error !== 'authorization_pending')
      intervalSeconds = Math.max(intervalSeconds, Math.min(intervalSeconds * 2, longestIntervalSeconds));
    pauseSeconds = Math.max(intervalSeconds, outcome.retryAfterSeconds ?? 0);
  }
}

function giveUp(): never {
  throw new AppError('login-denied', 'the sign-in was given up before it was complete');
}
