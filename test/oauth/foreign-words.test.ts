import { expect, test } from 'vitest';
import { withoutSuspects } from '../../src/oauth/foreign-words.js';

test.each([
  'ERROR: (gcloud.auth.print-access-token) You do not currently have an active account selected.',
  'cannot read /home/me/.config/gcloud/application_default_credentials.json: No such file or directory',
  'google.auth.exceptions.RefreshError: invalid_grant, AADSTS50173',
  'gpg: decryption failed: no secret key',
  'https://login.microsoftonline.com/common/oauth2/v2.0/token answers HTTP 503',
])('words stay: %s', (text) => {
  expect(withoutSuspects(text)).toBe(text);
});

test.each([
  ['an opaque token', 'got ya29.a0AfB_byC7x9Zq4u8oXkz1 back', 'got [redacted] back'],
  ['a JWT', 'eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiJ9.eyJleHAiOjE3MDB9.c2lnbmF0dXJl', '[redacted]'],
  ['base64 with its slashes', 'key 4u8/oXkz1Zq4u8oXkz1Zq+4u8o/==', 'key [redacted]'],
  ['hex', 'id 9f86d081884c7d659a2feaa0c55ad015', 'id [redacted]'],
  ['Google’s refresh token', '1//0gLu8bZ3xkQ2YCgYIARAAGBASNwF', '[redacted]'],
  ['a header', 'Authorization: Bearer hunter', 'Authorization: Bearer [redacted]'],
  ['what is named so, in JSON', '{"client_secret": "hunter"}', '{"client_secret": "[redacted]"}'],
  ['what is named so, in a form', 'sent code=hunter&refresh_token=x', 'sent code=[redacted]'],
  ['what is named so, in words', 'password: hunter', 'password: [redacted]'],
])('%s goes', (_, text, clean) => {
  expect(withoutSuspects(text)).toBe(clean);
});
