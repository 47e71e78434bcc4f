/** `token_store` of the top level, and the keys of `postgres`: what a database there needs. */
import { Secret } from '../core/secret.js';
import { parseTokenStore } from './postgres.js';
import { oneOf, path, read, text } from './schema-values.js';

export const tokenStore = read(text, parseTokenStore)
  .optional()
  .describe(
    'Where refresh token and client secret are kept: "file", in the token file; "keyring", in the keyring of the desktop;' +
      ' or "postgres://ROLE@HOST/DATABASE": all accounts are in a database, which several machines may share. By' +
      ' default "file".',
  );

const secret = text.transform((value) => new Secret(value));

export const postgresShape = {
  password: secret
    .optional()
    .describe(
      'Password of the role, never in this file: { "file": "/path" }, { "env": "NAME" } or { "credential": "NAME" }.',
    ),
  keys: secret
    .optional()
    .describe(
      'Keys that tokens are encrypted with, never in this file: where a text stands with one "ID KEY" a line, KEY being 32 octets' +
        ' in base64. The first one encrypts, all decrypt.',
    ),
  tls: oneOf('verify-full', 'off')
    .optional()
    .describe(
      'Whether the connection is encrypted and the server verified; "off" is for a server on this machine only, where it is the' +
        ' default.',
    ),
  ca_file: path
    .optional()
    .describe(
      'PEM file of the authorities that the certificate of the server is verified by, in place of the built-in ones.',
    ),
};
