/** The mechanisms that a client may sign in to us with: what each is asked for, and how its answers are read. */
import { Secret } from '../../core/secret.js';
import type { Proof } from './server.js';

export interface ServerMechanism {
  /** What is asked for, in order; the first answer may come along with the AUTH command. */
  readonly prompts: readonly string[];
  /**
   * As many answers as there are prompts. `malformed` breaks the mechanism's grammar, `refused` is well-formed and can
   * never be granted.
   */
  read(responses: readonly string[]): Proof | 'malformed' | 'refused';
}

/** RFC 4616: `authzid NUL authcid NUL passwd`. */
const plain: ServerMechanism = {
  prompts: [''],
  read([message = '']) {
    const [actAs, user, password, ...more] = message.split('\0');
    if (user === undefined || password === undefined || more.length > 0) return 'malformed';
    // Nobody may act as somebody else; who names himself twice is understood.
    if (actAs !== '' && actAs !== user) return 'refused';
    return { kind: 'password', user, password: new Secret(password) };
  },
};

/** draft-murchison-sasl-login. Printers compare the prompts to the letter. */
const login: ServerMechanism = {
  prompts: ['Username:', 'Password:'],
  read: ([user = '', password = '']) => ({ kind: 'password', user, password: new Secret(password) }),
};

/** developers.google.com/gmail/imap/xoauth2-protocol: `user=NAME ^A auth=Bearer TOKEN ^A ^A`. */
const xoauth2: ServerMechanism = {
  prompts: [''],
  read([message = '']) {
    const fields = keyValues(message);
    const user = fields?.get('user');
    const token = bearerToken(fields);
    if (user === undefined || token === undefined) return 'malformed';
    return { kind: 'bearer', mechanism: 'XOAUTH2', user, token };
  },
};

/** RFC 7628, 3.1: a GS2 header (RFC 5801, 4), then `key=value` between ^A. No channel binding is offered. */
const oauthbearer: ServerMechanism = {
  prompts: [''],
  read([message = '']) {
    const match = /^[ny],(?:a=([^,\0]*))?,\x01([^]*)$/.exec(message);
    const fields = keyValues(match?.[2] ?? '');
    // Who has no token yet sends none, to learn from the refusal where tokens come from (RFC 7628, 3.2.2).
    const token = fields?.get('auth') === '' ? new Secret('') : bearerToken(fields);
    const name = match?.[1];
    if (token === undefined || (name !== undefined && !isSaslName.test(name))) return 'malformed';
    return { kind: 'bearer', mechanism: 'OAUTHBEARER', user: name && fromSaslName(name), token };
  },
};

export const serverMechanisms: ReadonlyMap<string, ServerMechanism> = new Map([
  ['PLAIN', plain],
  ['LOGIN', login],
  ['XOAUTH2', xoauth2],
  ['OAUTHBEARER', oauthbearer],
]);

/** Undefined where the end mark is missing or something is no `key=value`. */
function keyValues(text: string): ReadonlyMap<string, string> | undefined {
  if (!text.endsWith('\x01\x01')) return undefined;
  const fields = new Map<string, string>();
  for (const part of text.slice(0, -2).split('\x01')) {
    const equals = part.indexOf('=');
    if (equals < 1) return undefined;
    fields.set(part.slice(0, equals), part.slice(equals + 1));
  }
  return fields;
}

/** RFC 6750, 2.1; the scheme's case does not matter (RFC 9110, 11.1). */
function bearerToken(fields: ReadonlyMap<string, string> | undefined): Secret | undefined {
  const token = /^Bearer +([A-Za-z0-9._~+/-]+=*)$/i.exec(fields?.get('auth') ?? '')?.[1];
  return token === undefined ? undefined : new Secret(token);
}

/** RFC 5801, 4: a comma is `=2C`, an equals sign `=3D`. */
const isSaslName = /^(?:[^=]|=2C|=3D)*$/;

function fromSaslName(name: string): string {
  return name.replaceAll('=2C', ',').replaceAll('=3D', '=');
}
