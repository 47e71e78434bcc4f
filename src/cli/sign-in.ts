/**
 * The two ways to sign in, as a person at the terminal sees them: a browser, whose failed last address may be
 * pasted here, or a code for another device. All talk goes to standard error; the tokens go to the caller.
 */
import { hostname } from 'node:os';
import { AppError, toAppError } from '../core/errors.js';
import { formatDuration } from '../core/duration.js';
import { type DeviceLoginOptions, startDeviceLogin } from '../oauth/login-device.js';
import {
  createLoopbackLogin,
  type LoopbackLogin,
  type LoopbackLoginOptions,
} from '../oauth/login-loopback.js';
import type { SignedIn } from '../oauth/login.js';
import type { Ui } from './ui.js';

/** sasl-xoauth2-tool's port, for which redirects are registered and tunnels are set up. */
const usualPort = 54_332;

export interface BrowserSignIn extends Omit<LoopbackLoginOptions, 'port'> {
  /** Undefined: the usual one, or a free one when that is taken. */
  readonly listenPort: number | undefined;
  /** Whether the device flow would do as well. */
  readonly deviceFlow: boolean;
}

/** Throws what the sign-in throws, AppError listen-failed, or the signal's reason. */
export async function signInByBrowser(
  options: BrowserSignIn,
  ui: Ui,
  signal: AbortSignal,
): Promise<SignedIn> {
  const login = await listen(options);
  const over = new AbortController();
  try {
    if (options.pasteRedirectUri === undefined) explain(login, options.deviceFlow, ui);
    else explainPasting(login, ui);
    const pasted = takePasted(login, ui, AbortSignal.any([signal, over.signal]));
    return await Promise.race([login.result, pasted, aborted(signal)]);
  } finally {
    over.abort();
    await login.close();
  }
}

export async function signInByDevice(
  options: DeviceLoginOptions,
  ui: Ui,
  signal: AbortSignal,
): Promise<SignedIn> {
  const login = await startDeviceLogin({ ...options, signal });
  ui.say('Open this page on any device, sign in, and enter the code:');
  ui.say();
  ui.say(`  ${login.verificationUri}`);
  ui.emphasise(`  ${login.userCode}`);
  ui.say();
  ui.say(`Waiting, for ${formatDuration(login.expiresInSeconds)} at most; Ctrl-C gives up.`);
  return login.result;
}

async function listen({ listenPort, ...options }: BrowserSignIn): Promise<LoopbackLogin> {
  if (options.pasteRedirectUri !== undefined) return createLoopbackLogin(options);
  if (listenPort !== undefined) return createLoopbackLogin({ ...options, port: listenPort });
  try {
    return await createLoopbackLogin({ ...options, port: usualPort });
  } catch (error) {
    if (toAppError(error).code !== 'listen-failed') throw error;
    return createLoopbackLogin({ ...options, port: 0 });
  }
}

function explain({ authorizationUrl, redirectUri }: LoopbackLogin, deviceFlow: boolean, ui: Ui): void {
  const { port } = new URL(redirectUri);
  ui.say('Open this page in a browser, sign in, and agree:');
  ui.say();
  // On a line of its own, whole, so that it can be copied.
  ui.emphasise(authorizationUrl);
  ui.say();
  ui.say('If the browser is on another machine, its last page cannot be loaded. Then either');
  ui.say(`  - copy that page's address (${redirectUri}?…) and paste it here, or`);
  ui.say(`  - before you sign in, run there:  ssh -L ${port}:127.0.0.1:${port} ${hostname()}`);
  ui.say();
  if (deviceFlow) {
    // Google's clients need no registered redirect; most others do, and their pages do not say what to do then.
    ui.say(`If the provider does not accept ${redirectUri} as a redirect, register it there for the`);
    ui.say('client, or sign in with --use-device-flow.');
    ui.say();
  }
  ui.say('Waiting for the browser, or for the address; Ctrl-C gives up.');
}

function explainPasting({ authorizationUrl, redirectUri }: LoopbackLogin, ui: Ui): void {
  ui.say('Open this page in any browser, sign in, and agree:');
  ui.say();
  ui.emphasise(authorizationUrl);
  ui.say();
  ui.say(`The last page is an empty one at ${redirectUri}. Copy its whole address from the`);
  ui.say('browser and paste it here; Ctrl-C gives up.');
}

/** Hands pasted addresses to the sign-in until one is right. Rejects when input fails; never resolves. */
async function takePasted(login: LoopbackLogin, ui: Ui, signal: AbortSignal): Promise<never> {
  for (;;) {
    const line = await ui.ask('', signal);
    // Nobody is there to paste: wait for the browser alone.
    if (line === undefined) return new Promise(() => undefined);
    if (line === '') continue;
    try {
      login.submitUrl(line);
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      ui.fail(error.message, error.hint);
    }
  }
}

/** Rejects when the signal aborts, and does nothing else. */
function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const reason = () => reject(signal.reason as Error);
    if (signal.aborted) reason();
    else signal.addEventListener('abort', reason, { once: true });
  });
}
