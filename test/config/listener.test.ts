/** Ports of the relay as a configuration names them. */
import { describe, expect, it } from 'vitest';
import { plainListener } from '../../src/config/listener.js';
import { parseConfig } from '../../src/config/parse.js';

const tls = { tls: 'starttls', certificate_file: '/etc/mail.pem' };
const auth = { auth: { required: true } };

function read(listen: unknown) {
  const { config, warnings } = parseConfig({ relay: { listen } }, undefined);
  return { listen: config.relay.listen, warnings };
}

function message(listen: unknown): string {
  try {
    read(listen);
  } catch (thrown) {
    return (thrown as Error).message;
  }
  return 'accepted';
}

describe('a port of the relay in the configuration', () => {
  it('may be an address, an object, or either in a list', () => {
    const plain = plainListener({ host: '127.0.0.1', port: 25 });
    for (const one of ['127.0.0.1:25', { address: '127.0.0.1:25' }]) {
      expect(read(one)).toEqual({ listen: [plain], warnings: [] });
      expect(read([one, '[::1]:25']).listen).toEqual([plain, plainListener({ host: '::1', port: 25 })]);
    }
    expect(read([]).listen).toEqual([]);
  });

  it('is read in full', () => {
    const address = '[::]:587';
    const clients = ['192.0.2.0/24', '2001:db8::1'];
    expect(read({ address, ...tls, ...auth, clients, accounts: 'a@b', key_file: '/etc/mail.key' })).toEqual({
      listen: [
        {
          host: '::',
          port: 587,
          tls: 'starttls',
          certificate: { certificateFile: '/etc/mail.pem', keyFile: '/etc/mail.key' },
          clients: [
            { family: 'ipv4', address: '192.0.2.0', prefix: 24 },
            { family: 'ipv6', address: '2001:db8::1', prefix: 128 },
          ],
          accounts: ['a@b'],
          insecure: false,
          auth: expect.objectContaining({ required: true }),
        },
      ],
      warnings: [],
    });
  });

  it('says in `auth` how clients sign in, and what they may do then', () => {
    const wishes = {
      passwords_file: '/etc/mailbearer/passwd',
      account_by: 'both',
      login_senders: { Scanner: ['Scan@b.example', '@c.example'] },
    };
    expect(read({ address: '127.0.0.1:587', auth: wishes }).listen![0]!.auth).toMatchObject({
      required: false,
      passwordsFile: '/etc/mailbearer/passwd',
      accountBy: 'both',
      loginSenders: new Map([['scanner', ['scan@b.example', '@c.example']]]),
      upstreamToken: 'stored',
    });
    expect(message({ address: '127.0.0.1:587', auth: { ...wishes, upstream_token: 'client' } })).toContain(
      '"client" leaves no use for passwords_file',
    );
    expect(message({ address: '127.0.0.1:587', auth: { login_senders: { a: 'b' } } })).toContain(
      'login_senders.a: expected an address',
    );
  });

  it('has key and certificate in one file where only one is named', () => {
    const [listener] = read({ address: '127.0.0.1:465', ...tls }).listen ?? [];
    expect(listener?.certificate).toEqual({ certificateFile: '/etc/mail.pem', keyFile: '/etc/mail.pem' });
  });

  it.each([
    [25, 'relay.listen: expected "host:port", an object, or a list of them'],
    [['127.0.0.1:25', 25], 'relay.listen[1]: expected "host:port" or an object'],
    ['localhost', 'relay.listen: expected "host:port" such as "127.0.0.1:2525" or "[::1]:2525"'],
    [[{}], 'relay.listen[0].address: expected "host:port"'],
    [
      [{ address: '127.0.0.1:25', tls: 'ssl' }],
      'relay.listen[0].tls: expected "none", "starttls", "implicit" or "auto"',
    ],
    [{ address: '127.0.0.1:25', tls: 'auto' }, 'relay.listen.tls: "auto" needs certificate_file'],
    [
      { address: '127.0.0.1:25', certificate_file: '/etc/mail.pem' },
      'relay.listen.tls: a certificate means nothing without "starttls", "implicit" or "auto"',
    ],
    [
      { address: '127.0.0.1:25', clients: ['192.0.2.0/33'] },
      'relay.listen.clients[0]: expected an address or a network such as "192.0.2.0/24" or "2001:db8::/32"',
    ],
    [
      { address: '127.0.0.1:25', auth: { required: 'yes' } },
      'relay.listen.auth.required: expected true or false',
    ],
  ])('that is %j is refused by its path', (listen, expected) => {
    expect(message(listen)).toBe(expected);
  });

  it.each([
    [
      { adress: 'x', address: '127.0.0.1:25' },
      'relay.listen.adress: adress is not known; did you mean "address"?',
    ],
    [
      [{ address: '127.0.0.1:25', client: '127.0.0.1' }],
      'relay.listen[0].client: client is not known; did you mean "clients"?',
    ],
    [
      [{ address: '127.0.0.1:25', auth: { requird: true } }],
      'relay.listen[0].auth.requird: requird is not known; did you mean "required"?',
    ],
  ])(
    'with a key that is none, %j, is refused, for it would be open to more than was meant',
    (listen, words) => {
      expect(message(listen)).toBe(words);
    },
  );

  it('may be said to be open, and to pass tokens on', () => {
    const entry = { address: '127.0.0.1:25', insecure: true, auth: { upstream_token: 'client' } };
    expect(read(entry).listen).toMatchObject([{ insecure: true, auth: { upstreamToken: 'client' } }]);
  });
});

describe('a port that other machines reach', () => {
  const open = [
    '0.0.0.0',
    '[::]',
    '[::ffff:127.0.0.1]',
    '[::ffff:0.0.0.0]',
    '192.0.2.1',
    '0',
    'mail.example',
  ];

  it.each(open)('is refused at %s without TLS and AUTH, with what to do', (host) => {
    const address = `${host}:587`;
    for (const [entry, lacking] of [
      [
        address,
        /needs "tls" with certificate_file and key_file and "auth": \{ "required": true \};.*127\.0\.0\.1.*"insecure": true/,
      ],
      [{ address, ...tls }, /needs "auth": \{ "required": true \};/],
      [{ address, ...tls, auth: {} }, /needs "auth": \{ "required": true \};/],
      [{ address, ...auth }, /needs "tls" with certificate_file and key_file;/],
    ] as const)
      expect(message([entry])).toMatch(lacking);
  });

  it.each(open)('is allowed at %s with both, or when it is meant to be open', (host) => {
    const address = `${host}:587`;
    for (const entry of [
      { address, ...tls, ...auth },
      { address, insecure: true },
    ])
      expect(message([entry])).toBe('accepted');
  });
});
