import { describe, expect, it } from 'vitest';
import { formatPasswords, parsePasswords } from '../../src/submission/passwords-file.js';

const hash = '$scrypt$ln=4,r=8,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA';
const printer = { user: 'Scan@B.example', name: 'printer', hash, senders: ['Scan@b.example', '@c.example'] };

function problem(passwords: unknown): string {
  try {
    parsePasswords(JSON.stringify({ passwords }), '/etc/passwd');
  } catch (thrown) {
    return (thrown as Error).message;
  }
  return 'accepted';
}

describe('the passwords file', () => {
  it('is read with comments, and without regard to the case of logins and senders', () => {
    const [entry] = parsePasswords(`{ "passwords": [ ${JSON.stringify(printer)}, ] } // ours`, '/etc/passwd');
    expect(entry).toMatchObject({
      user: 'scan@b.example',
      name: 'printer',
      senders: ['scan@b.example', '@c.example'],
      accounts: undefined,
    });
  });

  it('survives being read and written', () => {
    const text = formatPasswords(parsePasswords(JSON.stringify({ passwords: [printer] }), '/etc/passwd'));
    expect(text).toContain(hash);
    expect(formatPasswords(parsePasswords(text, '/etc/passwd'))).toBe(text);
  });

  it.each([
    ['no list', {}, 'passwords: expected a list'],
    ['no login', [{ ...printer, user: '' }], 'passwords[0].user: expected a login name'],
    ['a control character', [{ ...printer, name: 'a\nb' }], 'passwords[0].name: expected a name'],
    ['a password in clear', [{ ...printer, hash: 'geheim' }], 'passwords[0].hash: expected what'],
    [
      'a hash that would cost all memory',
      [{ ...printer, hash: hash.replace('ln=4', 'ln=30') }],
      'passwords[0].hash: expected what',
    ],
    ['one sender without a list', [{ ...printer, senders: 'a@b' }], 'passwords[0].senders: expected a list'],
    [
      'no address',
      [printer, { ...printer, name: 'b', senders: ['b'] }],
      'passwords[1].senders[0]: expected an',
    ],
    ['a number for an account', [{ ...printer, accounts: [1] }], 'passwords[0].accounts: expected a list'],
    ['the same twice', [printer, { ...printer, user: 'scan@b.example' }], 'has a password "printer" already'],
  ])('is refused with %s, and repeats no hash', (_, passwords, expected) => {
    expect(problem(passwords)).toContain(expected);
    expect(problem(passwords)).not.toMatch(/scrypt|geheim/);
  });
});
