import { describe, expect, it } from 'vitest';
import { AppError } from '../../../src/core/errors.js';
import { Secret } from '../../../src/core/secret.js';
import { mechanisms } from '../../../src/protocol/sasl/choose.js';
import {
  AuthRefused,
  type Conversation,
  requestStartTls,
  signIn,
  type SignInOptions,
} from '../../../src/protocol/smtp/client.js';
import { ReplyReader } from '../../../src/protocol/smtp/reply.js';

const short = new Secret('short-token');
const long = new Secret('x'.repeat(1500));

/** Plays the server's lines against the conversation; gives what it sent and what it returned. */
function play<T>(
  conversation: Conversation<T>,
  serverText: string,
): { sent: string[]; shown: string[]; result: T } {
  const reader = new ReplyReader();
  reader.push(Buffer.from(serverText, 'latin1'));
  const sent: string[] = [];
  const shown: string[] = [];
  for (let step = conversation.next(); ;) {
    if (step.done === true) return { sent, shown, result: step.value };
    if (step.value.line !== undefined) sent.push(step.value.line.trimEnd());
    if (step.value.shown !== undefined) shown.push(step.value.shown);
    const reply = reader.next();
    if (reply === undefined) throw new Error(`the script ended after ${sent.at(-1)}`);
    step = conversation.next(reply);
  }
}

function failureOf(conversation: Conversation<unknown>, serverText: string): AppError {
  try {
    play(conversation, serverText);
  } catch (error) {
    if (error instanceof AppError) return error;
    throw error;
  }
  throw new Error('it did not fail');
}

function options(token: Secret, changes: Partial<SignInOptions> = {}): SignInOptions {
  return {
    awaitGreeting: true,
    clientName: 'mail.example.org',
    mechanism: undefined,
    credentials: { user: 'u@example.org', token, host: 'smtp.example.org', port: 587 },
    ...changes,
  };
}

const hello =
  '220 hi\r\n250-smtp.example.org\r\n250-PIPELINING\r\n250-SIZE 100\r\n250 AUTH XOAUTH2 OAUTHBEARER\r\n';
const base64 = (text: string) => Buffer.from(text, 'latin1').toString('base64');
const sasl = (token: Secret) => base64(`user=u@example.org\x01auth=Bearer ${token.reveal()}\x01\x01`);

describe('signing in', () => {
  it('sends a short XOAUTH2 response with AUTH, as Google documents it', () => {
    const { sent, result } = play(signIn(options(short)), `${hello}235 ok\r\n`);
    expect(sent).toEqual(['EHLO mail.example.org', `AUTH XOAUTH2 ${sasl(short)}`]);
    expect(result.get('SIZE')).toEqual(['100']);
    expect(result.has('PIPELINING')).toBe(true);
  });

  it('sends a response that would pass 512 octets in two steps', () => {
    const { sent } = play(signIn(options(long)), `${hello}334 \r\n235 ok\r\n`);
    expect(sent.slice(1)).toEqual(['AUTH XOAUTH2', sasl(long)]);
  });

  it('keeps the AUTH line within 512 octets for tokens of every length', () => {
    for (let length = 280; length < 340; length++) {
      const token = new Secret('x'.repeat(length));
      const { sent } = play(
        signIn(options(token)),
        `${hello}334 \r\n235 ok\r\n`.replace(length < 312 ? '334 \r\n' : '', ''),
      );
      expect(
        Math.max(...sent.filter((line) => line.startsWith('AUTH')).map((line) => line.length + 2)),
      ).toBeLessThanOrEqual(512);
    }
  });

  it('speaks OAUTHBEARER where it is asked for or alone (RFC 7628)', () => {
    const response = base64(
      'n,a=u@example.org,\x01host=smtp.example.org\x01port=587\x01auth=Bearer short-token\x01\x01',
    );
    const asked = play(signIn(options(short, { mechanism: 'oauthbearer' })), `${hello}235 ok\r\n`);
    expect(asked.sent[1]).toBe(`AUTH OAUTHBEARER ${response}`);
    const alone = play(signIn(options(short)), `${hello.replace('XOAUTH2 ', '')}235 ok\r\n`);
    expect(alone.sent[1]).toBe(`AUTH OAUTHBEARER ${response}`);
  });

  it('escapes the separators of the GS2 header in a user name', () => {
    const credentials = { user: 'a,b=c', token: short, host: 'h', port: 1 };
    expect(Buffer.from(mechanisms.oauthbearer.response(credentials), 'base64').toString()).toMatch(
      /^n,a=a=2Cb=3Dc,/,
    );
  });

  it.each([
    [
      'XOAUTH2',
      undefined,
      '{"status":"401","schemes":"Bearer","scope":"https://mail.google.com/"}',
      '',
      true,
    ],
    ['XOAUTH2', undefined, '{"status":"500"}', '', false],
    ['OAUTHBEARER', 'oauthbearer', '{"status":"invalid_token"}', 'AQ==', true],
  ] as const)(
    'answers the error challenge of %s and reads the last word',
    (_, mechanism, challenge, answer, blames) => {
      const script = `${hello}334 ${base64(challenge)}\r\n535 5.7.8 no\r\n`;
      const conversation = signIn(options(short, { mechanism }));
      const sent: string[] = [];
      const watched = (function* (): Conversation<unknown> {
        let step = conversation.next();
        while (step.done !== true) {
          if (step.value.line !== undefined) sent.push(step.value.line);
          step = conversation.next(yield step.value);
        }
        return step.value;
      })();
      let error: unknown;
      try {
        play(watched, script);
      } catch (caught) {
        error = caught;
      }
      expect(error).toBeInstanceOf(AuthRefused);
      expect(sent.at(-1)).toBe(`${answer}\r\n`);
      expect((error as AuthRefused).reply.code).toBe(535);
      expect((error as AuthRefused).blamesToken).toBe(blames);
      expect((error as AuthRefused).message).toContain(challenge);
    },
  );

  it.each([
    ['501 5.5.4 bad', '400', true],
    ['550 5.7.1 no', '401', true],
    ['454 4.7.0 later', '401', true],
    ['454 4.7.0 later', '503', false],
    ['421 4.7.0 bye', '401', true],
    ['334 eyJ9', '401', true],
    ['501 5.5.127 Token will expire soon', undefined, true],
    ['535 5.7.8 no', undefined, true],
    ['454 4.7.0 later', undefined, false],
  ])('by the last word %j after a challenge of status %j blames the token: %j', (last, status, blames) => {
    const script = `${hello}334 ${base64(JSON.stringify({ status }))}\r\n${last}\r\n`;
    const error = failureOf(signIn(options(short)), script);
    expect(error).toBeInstanceOf(AuthRefused);
    expect((error as AuthRefused).blamesToken).toBe(blames);
  });

  it('does not blame the token when the server could not check it (454)', () => {
    const error = failureOf(signIn(options(short)), `${hello}454 4.7.0 try later\r\n`);
    expect(error).toBeInstanceOf(AuthRefused);
    expect((error as AuthRefused).blamesToken).toBe(false);
  });

  it('shows no token to whoever logs the conversation', () => {
    for (const token of [short, long]) {
      const { shown } = play(signIn(options(token)), `${hello}${token === long ? '334 \r\n' : ''}235 ok\r\n`);
      expect(shown.join('\n')).not.toContain(sasl(token).slice(20, 60));
      expect(shown.join('\n')).toContain('[redacted]');
    }
  });

  it.each([
    ['no mechanism that we speak', '220 hi\r\n250-x\r\n250 AUTH LOGIN PLAIN\r\n', 'upstream-mechanism'],
    ['a greeting that refuses', '554 go away\r\n', 'upstream-refused'],
    ['no EHLO', '220 hi\r\n502 what\r\n', 'upstream-refused'],
    ['a good-bye at AUTH', `${hello}421 4.7.0 later\r\n`, 'upstream-refused'],
  ])('fails with a named cause at %s', (_, script, code) => {
    expect(failureOf(signIn(options(short)), script).code).toBe(code);
  });
});

describe('asking for TLS', () => {
  it('greets and sends STARTTLS', () => {
    const { sent } = play(requestStartTls('c.example'), '220 hi\r\n250-x\r\n250 STARTTLS\r\n220 go\r\n');
    expect(sent).toEqual(['EHLO c.example', 'STARTTLS']);
  });

  it('fails where it is not offered, or refused', () => {
    expect(() => play(requestStartTls('c'), '220 hi\r\n250 x\r\n')).toThrow(/offers no STARTTLS/);
    expect(() => play(requestStartTls('c'), '220 hi\r\n250-x\r\n250 STARTTLS\r\n454 no\r\n')).toThrow(
      /454 no/,
    );
  });
});
