import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  formatPathCommand,
  mailboxOf,
  parseCommand as parseWire,
} from '../../../src/protocol/smtp/command.js';

const parseCommand = (line: string) => parseWire(`${line}\r\n`);

function replyCode(line: string): number | undefined {
  const command = parseCommand(line);
  return command.verb === 'fault' ? command.reply.code : undefined;
}

describe('a command line', () => {
  it.each([
    ['MAIL FROM:<a@b>', 'a@b', []],
    ['mail from:<>', '', []],
    ['MAIL FROM: <a@b> SIZE=100 body=8BITMIME', 'a@b', ['SIZE=100', 'BODY=8BITMIME']],
    ['MAIL FROM:<"a b\\">@c"@d> SMTPUTF8', '"a b\\">@c"@d', ['SMTPUTF8']],
    ['MAIL FROM:<@x,@y:a@b>', '@x,@y:a@b', []],
    ['MAIL FROM:printer@office', 'printer@office', []],
    // "à" in UTF-8 holds octet A0, which JavaScript takes for a space.
    ['RCPT TO:<\xc3\xa0@b>', '\xc3\xa0@b', []],
    ['MAIL FROM:<\xc3\xa0@b> SMTPUTF8', '\xc3\xa0@b', ['SMTPUTF8']],
    ['MAIL FROM:a@\xc3\xa0', 'a@\xc3\xa0', []],
    ['MAIL FROM:<a@xn--bcher-kva.example> ENVID=QQ+2B3D', 'a@xn--bcher-kva.example', ['ENVID=QQ+2B3D']],
  ])('is understood, its path and parameters as they came: %s', (line, path, parameters) => {
    const command = parseCommand(line);
    if (!('path' in command)) throw new Error('not a path command');
    expect(command.path).toBe(path);
    expect(
      command.parameters.map(({ keyword, value }) => (value === undefined ? keyword : `${keyword}=${value}`)),
    ).toEqual(parameters);
  });

  it.each([
    ['MAIL', 501],
    ['MAIL FROM', 501],
    ['MAIL FROM:', 501],
    ['MAIL FROM:<a@b', 501],
    ['MAIL FROM:<a@b>SIZE=1', 501],
    ['MAIL FROM:<a@b> =1', 501],
    ['MAIL TO:<a@b>', 501],
    ['RCPT TO:<>', 501],
    ['RCPT FROM:<a@b>', 501],
    ['DATA now', 501],
    ['EHLO', 501],
    ['FOO', 500],
    ['', 500],
    ['NOOP \x07', 500],
    ['AUTH', 501],
    ['AUTH PLAIN a b', 501],
    ['STARTTLS now', 501],
    ['BDAT 10 LAST', 502],
  ])('is refused when it is %j', (line, code) => {
    expect(replyCode(line)).toBe(code);
  });

  it.each([
    'GET / HTTP/1.1',
    'POST /x HTTP/1.1',
    'Host: 127.0.0.1:2525',
    'Content-Type: text/plain',
    'PRI * HTTP/2.0',
    '\x16\x03\x01\x02\x00',
  ])('of another protocol is recognised: %j', (line) => {
    expect(parseCommand(line).verb).toBe('foreign');
  });

  it('is written again as it was read', () => {
    const path = fc.string({ unit: fc.constantFrom('a', '@', '.', '+', '\xc3', '\xa0'), maxLength: 12 });
    fc.assert(
      fc.property(path, fc.constantFrom('MAIL', 'RCPT'), (text, verb) => {
        fc.pre(verb === 'MAIL' || text !== '');
        const line = formatPathCommand(verb, text, [{ keyword: 'SIZE', value: '10' }]);
        const command = parseCommand(line.trimEnd());
        const parameters = [{ keyword: 'SIZE', value: '10' }];
        expect(command).toEqual({ verb, path: text, parameters, wire: line });
      }),
    );
  });

  it('is passed on as it came only where writing it again would make no difference', () => {
    const part = fc.constantFrom(
      ...['MAIL', 'mail', 'RCPT', ' ', 'FROM:', 'From:', 'TO:', '<', '>', '<a@b>', '<"x> y"@b>', 'a@b'],
      ...['SIZE=1', 'size=1', 'BODY', '=', '\xa0', 'X='],
    );
    const line = fc.array(part, { maxLength: 6 }).map((parts) => `MAIL FROM:<a@b>${parts.join('')}`);
    const anyLine = fc.oneof(
      line,
      fc.array(part, { maxLength: 8 }).map((parts) => parts.join('')),
    );
    let asTheyCame = 0;
    fc.assert(
      fc.property(anyLine, (text) => {
        const command = parseCommand(text);
        if (!('path' in command) || command.wire === undefined) return;
        asTheyCame++;
        expect(command.wire).toBe(formatPathCommand(command.verb, command.path, command.parameters));
      }),
      { numRuns: 2000 },
    );
    expect(asTheyCame).toBeGreaterThan(10);
  });

  it('finds the same in a line known at a glance as in one looked at closely', () => {
    const path = fc.string({
      unit: fc.constantFrom(...'a@.:"<>\\ \0\x1f\x7f\xa0\xe9'.split('')),
      maxLength: 6,
    });
    let atAGlance = 0;
    fc.assert(
      fc.property(fc.constantFrom('MAIL FROM:', 'RCPT TO:'), path, (start, text) => {
        const { wire, ...command } = { wire: undefined, ...parseCommand(`${start}<${text}>`) };
        if (wire !== undefined) atAGlance++;
        // Spaces at the end change nothing, but no line that is known at a glance has them.
        expect(command).toEqual(parseCommand(`${start}<${text}>  `));
      }),
      { numRuns: 2000 },
    );
    expect(atAGlance).toBeGreaterThan(100);
    expect(parseCommand('DATA')).toEqual(parseCommand('DATA '));
  });

  it('never throws', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (octets) => {
        const command = parseCommand(Buffer.from(octets).toString('latin1'));
        expect(command.verb).toBeTypeOf('string');
      }),
      { numRuns: 1000 },
    );
  });

  it('names the mailbox behind a source route', () => {
    expect(mailboxOf('@x,@y:a@b')).toBe('a@b');
    expect(mailboxOf('a@b')).toBe('a@b');
  });
});
