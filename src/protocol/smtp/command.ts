/**
 * One command line of a client, as data (RFC 5321, 4.1.1). Paths and parameters are kept exactly as they came:
 * quoted local parts, A-labels and xtext pass on unread. Text is latin1, one character an octet, so UTF-8 in
 * an address (RFC 6531) survives as well.
 */
import { withoutLineEnd } from './lines.js';
import { makeReply, type Reply } from './reply.js';

/** An ESMTP parameter; the keyword is upper case, the value raw, undefined when there was no `=`. */
export interface Parameter {
  readonly keyword: string;
  readonly value: string | undefined;
}

export interface PathCommand {
  readonly verb: 'MAIL' | 'RCPT';
  /** What stood between the angle brackets. */
  readonly path: string;
  readonly parameters: readonly Parameter[];
  /** The line as it came, where that is just what `formatPathCommand` would make of it. */
  readonly wire?: string;
}

export type SimpleVerb = 'EHLO' | 'HELO' | 'STARTTLS' | 'DATA' | 'RSET' | 'NOOP' | 'VRFY' | 'HELP' | 'QUIT';

/** RFC 4954, 4. It can hold a secret: `commandLine` leaves that out. */
export interface AuthCommand {
  readonly verb: 'AUTH';
  readonly mechanism: string;
  readonly initialResponse: string | undefined;
}

export type Command = PathCommand | AuthCommand | { readonly verb: SimpleVerb; readonly argument: string };

export type Verb = Command['verb'];

/** A line that is no command that we take, and the reply that says so. */
export interface Fault {
  readonly verb: 'fault';
  /** Set when the command was good and only came at the wrong time. */
  readonly outOfOrder?: Verb | undefined;
  readonly reply: Reply;
}

/** Bytes of another protocol; the connection must end, so that a web page can't submit mail through it. */
export interface ForeignProtocol {
  readonly verb: 'foreign';
  readonly protocol: 'HTTP' | 'TLS';
}

const knownVerbs: ReadonlySet<string> = new Set([
  'MAIL',
  'RCPT',
  'EHLO',
  'HELO',
  'STARTTLS',
  'AUTH',
  'DATA',
  'RSET',
  'NOOP',
  'VRFY',
  'HELP',
  'QUIT',
]);
const bareVerbs: ReadonlySet<string> = new Set(['STARTTLS', 'DATA', 'RSET', 'QUIT']);
/** Known to SMTP, not offered here: 502 (RFC 5321, 4.2.4). */
const unofferedVerbs: ReadonlySet<string> = new Set([
  ...['BDAT', 'EXPN', 'ETRN', 'ATRN', 'TURN', 'SEND', 'SOML', 'SAML'],
]);

const httpMethod = /^(?:GET|HEAD|POST|PUT|DELETE|CONNECT|OPTIONS|TRACE|PATCH|PRI) /;
/** `Host: 127.0.0.1`; no SMTP verb is followed by a colon at once. */
const headerLine = /^[!-9;-~]+:/;
const tlsHandshake = '\x16\x03';

const controlCharacter = /[\u0000-\u001f\u007f]/;

/** @param wire the line as it came, which ends with CR LF */
export function parseCommand(wire: string): Command | Fault | ForeignProtocol {
  return tidyCommand(wire) ?? parseAnyCommand(withoutLineEnd(wire), wire);
}

/** What most lines are, known at a glance: an address and nothing else, in no need of a closer look, or DATA. */
function tidyCommand(wire: string): Command | undefined {
  if (wire === 'DATA\r\n') return { verb: 'DATA', argument: '' };
  if (wire.charCodeAt(wire.length - pathEnd.length) !== pathEnd.charCodeAt(0)) return undefined;
  if (wire.startsWith(starts.RCPT))
    return tidyPath('RCPT', wire.slice(starts.RCPT.length, -pathEnd.length), wire);
  if (wire.startsWith(starts.MAIL))
    return tidyPath('MAIL', wire.slice(starts.MAIL.length, -pathEnd.length), wire);
  return undefined;
}

function tidyPath(verb: 'MAIL' | 'RCPT', path: string, wire: string): Command | undefined {
  if (path === '' || notPlain.test(path)) return undefined;
  return { verb, path, parameters: noParameters, wire };
}

function parseAnyCommand(line: string, wire: string): Command | Fault | ForeignProtocol {
  const space = line.indexOf(' ');
  const verb = (space < 0 ? line : line.slice(0, space)).toUpperCase();
  // No other protocol's line begins with one of these words.
  const isKnown = knownVerbs.has(verb);
  if (!isKnown) {
    const protocol = foreignProtocol(line);
    if (protocol !== undefined) return { verb: 'foreign', protocol };
  }
  if (controlCharacter.test(line)) return fault(500, '5.2', 'Control characters are not allowed in commands');
  const argument = space < 0 ? '' : withoutOuterSpaces(line.slice(space + 1));
  if (verb === 'MAIL') return parsePathCommand('MAIL', 'FROM:', argument, { line, wire });
  if (verb === 'RCPT') return parsePathCommand('RCPT', 'TO:', argument, { line, wire });
  if (verb === 'AUTH') return parseAuth(argument);
  if (isKnown) {
    if (argument !== '' && bareVerbs.has(verb)) return fault(501, '5.4', `${verb} takes no argument`);
    if (argument === '' && (verb === 'EHLO' || verb === 'HELO'))
      return fault(501, '5.4', `${verb} needs a name`);
    return { verb: verb as SimpleVerb, argument };
  }
  if (unofferedVerbs.has(verb)) return fault(502, '5.1', `${verb} is not offered here`);
  return fault(500, '5.2', 'Unknown command');
}

function parseAuth(argument: string): AuthCommand | Fault {
  const [mechanism = '', initialResponse, ...more] = argument.split(' ').filter((word) => word !== '');
  // RFC 4422, 3.1.
  if (!/^[\w-]{1,20}$/.test(mechanism) || more.length > 0)
    return fault(501, '5.4', 'Syntax: AUTH mechanism [initial-response]');
  return { verb: 'AUTH', mechanism, initialResponse };
}

function foreignProtocol(line: string): ForeignProtocol['protocol'] | undefined {
  if (line.startsWith(tlsHandshake)) return 'TLS';
  return httpMethod.test(line) || headerLine.test(line) ? 'HTTP' : undefined;
}

/** Only the space is a space: for `trim` and `\s` octet A0 is one too, and that is a part of letters in UTF-8. */
function withoutOuterSpaces(text: string): string {
  return text.startsWith(' ') || text.endsWith(' ') ? text.replaceAll(/^ +| +$/g, '') : text;
}

function parsePathCommand(
  verb: 'MAIL' | 'RCPT',
  keyword: 'FROM:' | 'TO:',
  argument: string,
  { line, wire }: { line: string; wire: string },
): PathCommand | Fault {
  const syntax = `Syntax: ${verb} ${keyword}<address>`;
  const isGood = argument.startsWith(keyword) || argument.slice(0, keyword.length).toUpperCase() === keyword;
  if (!isGood) return fault(501, '5.4', syntax);
  const rest = withoutOuterSpaces(argument.slice(keyword.length));
  const path = takePath(rest);
  if (path === undefined) return fault(501, '5.4', syntax);
  if (verb === 'RCPT' && path.text === '') return fault(501, '1.3', 'A recipient is needed');
  const tail = rest.slice(path.length);
  const parameters = parseParameters(tail);
  if (parameters === undefined) return fault(501, '5.4', `Malformed ${verb} parameter`);
  const isTidy =
    line.length === verb.length + 1 + keyword.length + rest.length &&
    line.startsWith(starts[verb]) &&
    (tail === '' || tidyParameters.test(tail));
  return isTidy ? { verb, path: path.text, parameters, wire } : { verb, path: path.text, parameters };
}

/** What a path holds that must be looked at more closely. */
const notPlain = /[\u0000- "<>\\\u007f]/;

const pathEnd = '>\r\n';
const starts = { MAIL: 'MAIL FROM:<', RCPT: 'RCPT TO:<' } as const;
const tidyParameters = /^(?: [A-Z0-9-]+(?:=[^ ]+)?)+$/;

/** What a path with quotes or escapes holds; without these the first `>` ends it. */
const intricate = /["\\< ]/;

/** A path in angle brackets, quoted strings respected, or (printers do it) an address without brackets. */
function takePath(text: string): { text: string; length: number } | undefined {
  if (!text.startsWith('<')) {
    const bare = /^[^ <>"]+/.exec(text)?.[0];
    return bare === undefined ? undefined : { text: bare, length: bare.length };
  }
  const end = text.indexOf('>');
  const plain = text.slice(1, end);
  if (end > 0 && !intricate.test(plain)) return { text: plain, length: end + 1 };
  const match = /^<((?:[^"<>\\ ]|"(?:[^"\\]|\\.)*"|\\.)*)>/.exec(text);
  return match === null ? undefined : { text: match[1]!, length: match[0].length };
}

const noParameters: readonly Parameter[] = [];

function parseParameters(text: string): readonly Parameter[] | undefined {
  if (text === '') return noParameters;
  if (!text.startsWith(' ')) return undefined;
  const parameters: Parameter[] = [];
  for (const word of text.split(' ')) {
    if (word === '') continue;
    const match = /^([A-Za-z0-9][A-Za-z0-9-]*)(?:=(\S+))?$/.exec(word);
    if (match === null) return undefined;
    parameters.push({ keyword: match[1]!.toUpperCase(), value: match[2] });
  }
  return parameters;
}

export function formatPathCommand(
  verb: PathCommand['verb'],
  path: string,
  parameters: readonly Parameter[],
): string {
  let line = `${verb} ${verb === 'MAIL' ? 'FROM' : 'TO'}:<${path}>`;
  for (const { keyword, value } of parameters)
    line += value === undefined ? ` ${keyword}` : ` ${keyword}=${value}`;
  return `${line}\r\n`;
}

/** For a log, in one line and without secrets. */
export function commandLine(command: Command): string {
  if (command.verb === 'AUTH')
    return `AUTH ${command.mechanism}${command.initialResponse === undefined ? '' : ' [redacted]'}`;
  if ('path' in command) return formatPathCommand(command.verb, command.path, command.parameters).trimEnd();
  return `${command.verb} ${command.argument}`.trimEnd();
}

/** The mailbox of a path: without a source route (RFC 5321, 4.1.1.3 and appendix C). */
export function mailboxOf(path: string): string {
  const routeEnd = path.startsWith('@') ? path.indexOf(':') : -1;
  return path.slice(routeEnd + 1);
}

function fault(code: number, detail: string, text: string): Fault {
  return { verb: 'fault', reply: makeReply(code, detail, text) };
}
