import { describe, expect, it } from 'vitest';
import type { AccountSource } from '../../src/accounts/resolve.js';
import { AppError } from '../../src/core/errors.js';
import { problem, resolve, usable } from './resolved.js';

describe('the login name', () => {
  const named = (json: object, tokenFile: string, user?: string, saslPasswdUser = 'sasl@b.example') =>
    usable(json, { tokenFile: `/t/${tokenFile}`, overrides: { user }, saslPasswdUser }).submission.user;

  it('is the first of: file, entry, key, name of the file, sasl_passwd', () => {
    const accounts = { 'key@b.example': { token_file: '/t/file@b.example', user: 'entry@b.example' } };
    expect(named({ accounts }, 'file@b.example', 'in@b.example')).toBe('in@b.example');
    expect(named({ accounts }, 'file@b.example')).toBe('entry@b.example');
    expect(named({ accounts: { 'key@b.example': { token_file: '/t/x' } } }, 'x')).toBe('key@b.example');
    expect(named({}, 'file@b.example')).toBe('file@b.example');
    expect(named({}, 'gmail')).toBe('sasl@b.example');
  });

  it('is needed', () => {
    const error = problem({ client_id: 'id' }, { tokenFile: '/t/gmail' });
    expect(error).toMatchObject({ code: 'account-incomplete', publicDetail: 'user' });
    expect(error.message).toBe('account gmail (/t/gmail) has no login name');
    expect(error.hint).toContain('add "user" to /t/gmail');
  });

  it('is not the empty string', () => {
    expect(named({}, 'file@b.example', '')).toBe('file@b.example');
  });
});

it('a hint with a command to run has the provider that the configuration names', () => {
  const missing = new AppError('token-missing', 'no file', { hint: 'mailbearer get-token PROVIDER /t/a' });
  const hintOf = (entry: object) =>
    problem({ accounts: { a: entry } }, { tokenFile: '/t/a', problem: missing }).hint;
  expect(hintOf({ provider: 'gmail' })).toBe('mailbearer get-token gmail /t/a');
  expect(hintOf({})).toBe('mailbearer get-token PROVIDER /t/a');
});

describe('the entry of an account', () => {
  const nameOf = (accounts: object, source: Partial<AccountSource>) =>
    resolve({ client_id: 'i', accounts }, source).name;

  it('is found by token_file, else by the name of the file, else by login name', () => {
    const byPath = { path: { token_file: '/t/./a@b.example' }, 'a@b.example': {} };
    expect(nameOf(byPath, { tokenFile: '/t/../t/a@b.example' })).toBe('path');
    expect(nameOf(byPath, { tokenFile: '/u/A@B.example' })).toBe('a@b.example');
    expect(nameOf({ gmail: {}, 'a@b.example': {} }, { tokenFile: '/t/gmail' })).toBe('gmail');
    expect(nameOf({ 'a@b.example': {} }, { tokenFile: '/t/x', overrides: { user: 'A@b.example' } })).toBe(
      'a@b.example',
    );
    expect(nameOf({ 'a@b.example': {} }, { tokenFile: '/t/x', saslPasswdUser: 'a@b.example' })).toBe(
      'a@b.example',
    );
    expect(nameOf({ main: { user: 'a@b.example' } }, { tokenFile: '/t/a@b.example' })).toBe('main');
  });

  it("with a file of its own is no other file's", () => {
    const accounts = { 'a@b.example': { token_file: '/t/one', smtp: { host: 'smtp.one.example' } } };
    expect(usable({ accounts }, { tokenFile: '/t/a@b.example' }).submission.smtp.host).toBe('smtp.gmail.com');
  });

  it('is not needed: the account is called by its login name, else by its file', () => {
    expect(nameOf({}, { tokenFile: '/t/x', overrides: { user: 'A@b.example' } })).toBe('A@b.example');
    expect(nameOf({}, { tokenFile: '/t/x' })).toBe('x');
  });
});

describe('the senders', () => {
  it('are the own addresses and those of the entry, in lower case', () => {
    const accounts = {
      'Key@b.example': { user: 'Login@b.example', senders: ['@C.example', 'key@b.example'] },
    };
    expect(usable({ accounts }, { tokenFile: '/t/key@b.example' }).senders).toEqual([
      'key@b.example',
      'login@b.example',
      '@c.example',
    ]);
  });

  it('are kept by a broken account, which keeps its problem too', () => {
    const cause = new AppError('token-invalid', 'the token file is empty');
    const accounts = { 'a@b.example': { senders: '@b.example' } };
    expect(resolve({ accounts }, { problem: cause })).toEqual({
      name: 'a@b.example',
      tokenFile: '/etc/tokens/a@b.example',
      senders: ['a@b.example', '@b.example'],
      problem: cause,
    });
  });
});
