/** What a scripted upstream does for a fault at a stage: once, and then it behaves. */
import { SlowWriter } from '../support/drip.js';
import type { VirtualClock } from '../support/virtual-clock.js';
import type { Answer, Wire } from '../support/scripted-upstream.js';
import type { Fault, Stage } from './matrix.js';

/** Milliseconds between two octets of a drip that never ends: far below every time-out. */
const dripMs = 5000;

/** Whether an event of the scripted upstream is this stage. `hello` counts EHLOs of the connection. */
export function isStage(stage: Stage, event: string, hello: number, secured: boolean): boolean {
  switch (stage) {
    case 'connect':
    case 'greeting':
      return event === 'greeting';
    case 'EHLO':
      return event.startsWith('EHLO') && hello === (secured ? 2 : 1);
    case 'TLS handshake':
      return event === 'tls';
    case 'RCPT':
      return event === 'RCPT TO:<y@example.net>';
    case 'mid-body':
      return event === 'body';
    case 'final dot':
      return event === 'end';
    case 'after the dot':
      return event === 'taken';
    case 'STARTTLS':
    case 'AUTH':
    case 'MAIL':
    case 'DATA':
    case 'RSET':
      return event.startsWith(stage);
    case 'idle':
      return false;
  }
}

const refusals: Readonly<Partial<Record<Stage, string>>> = {
  greeting: '554 5.3.2 No SMTP service here',
  EHLO: '502 5.5.1 Not implemented',
  STARTTLS: '454 4.7.0 TLS not available',
  AUTH: '535 5.7.8 Authentication failed',
  RSET: '502 5.5.1 Not implemented',
};

const codes: Readonly<Partial<Record<Stage, number>>> = {
  greeting: 220,
  STARTTLS: 220,
  AUTH: 235,
  DATA: 354,
};

/** Undefined: the fault is not an answer, and whoever plays it has made it otherwise. */
export function answerOf(fault: Fault, stage: Stage, clock: VirtualClock): Answer {
  if (stage === 'TLS handshake') return inHandshake(fault, clock);
  const code = codes[stage] ?? 250;
  switch (fault) {
    case 'refuses us':
      return `${refusals[stage] ?? '530 5.7.0 Authentication required'}\r\n`;
    case '4yz':
      return '450 4.7.1 Not now\r\n';
    case '5yz':
      return '550 5.7.1 Never\r\n';
    case 'garbage':
      return '\x00\xff\x16\x03\x01 what?\r\n';
    case 'over-long line':
      return `${code} ${'x'.repeat(5000)}`;
    case 'lines without end':
      return { act: ({ stream }) => endlessly(stream, `${code}-2.0.0 more\r\n`) };
    case '421':
      return { last: '421 4.3.2 Shutting down\r\n' };
    case 'silence':
      return { act: ({ stream }) => stage === 'mid-body' && stream.pause() };
    case 'RST':
      return ending(stage, code, ({ tcp }) => void tcp.resetAndDestroy());
    case 'FIN':
      return ending(stage, code, ({ stream }) => void stream.end());
    case 'slow drip':
      return stage === 'idle' ? { act: ({ stream }) => dripAtOnce(stream, '250 2.0.0 Ok\r\n') } : 'drip';
    case 'endless drip':
      if (stage === 'mid-body') return { act: (wire) => sipping(wire, clock) };
      return { act: dripping(`${code}-${'x'.repeat(2000)}`, clock) };
    case 'plaintext behind it':
      return '220 2.0.0 Go ahead\r\n250-evil\r\n250 AUTH XOAUTH2\r\n';
    case 'wrong name':
    case 'expired certificate':
    case 'self-signed certificate':
    case 'TLS 1.1 at most':
      return undefined;
  }
}

/** Octets that are no handshake; what is not listed is said in clear, as if there were no TLS. */
function inHandshake(fault: Fault, clock: VirtualClock): Answer {
  // An alert of the fatal kind; a record longer than any may be; alerts of the harmless kind.
  if (fault === 'refuses us') return '\x15\x03\x03\x00\x02\x02\x28';
  if (fault === 'over-long line') return `\x16\x03\x03\xff\xff${'x'.repeat(70_000)}`;
  if (fault === 'lines without end')
    return { act: ({ stream }) => endlessly(stream, '\x15\x03\x03\x00\x02\x01\x5a') };
  if (fault === 'endless drip')
    return { act: dripping(`\x16\x03\x03\x40\x00${'\x02\x00\x20'.repeat(1000)}`, clock) };
  return answerOf(fault, fault === 'RST' || fault === 'FIN' ? 'connect' : 'greeting', clock);
}

/** Where a reply is due, the connection ends in the middle of it, and not before the other side has it. */
function ending(stage: Stage, code: number, end: (wire: Wire) => void): Answer {
  const half = ['connect', 'mid-body', 'idle'].includes(stage) ? '' : `${code} 2.0.0 O`;
  return {
    act: (wire) => {
      if (half !== '') wire.stream.write(half);
      setImmediate(() => setImmediate(() => end(wire)));
    },
  };
}

function endlessly(stream: Wire['stream'], text: string): void {
  if (!stream.writable) return;
  stream.write(text.repeat(50), 'latin1');
  setImmediate(() => endlessly(stream, text));
}

function dripAtOnce(stream: Wire['stream'], text: string): void {
  const slow = new SlowWriter((octet) => stream.write(octet, 'latin1'));
  slow.begin();
  slow.write(text);
}

function dripping(text: string, clock: VirtualClock): (wire: Wire) => void {
  return ({ stream }) => {
    let sent = 0;
    everySoOften(stream, clock, () => {
      stream.write(text.charAt(sent++), 'latin1');
      return sent < text.length;
    });
  };
}

/** Reads an octet now and then. */
function sipping({ stream }: Wire, clock: VirtualClock): void {
  stream.pause();
  everySoOften(stream, clock, () => {
    stream.read(1);
    return true;
  });
}

function everySoOften(stream: Wire['stream'], clock: VirtualClock, act: () => boolean): void {
  const again = () =>
    clock.setTimer(dripMs, () => {
      if (act()) timer = again();
    });
  let timer = again();
  stream.once('close', () => timer.cancel());
}
