// @ts-check
/**
 * The demo's stand-ins for Google or Microsoft, and the configuration that tells mailbearer of them, as it would
 * of any provider that it does not know by itself.
 */
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join, resolve } from 'node:path';
import { makeCertificates } from './certificates.js';
import { startOpenIdProvider } from './openid-provider.js';
import { startSubmissionServer } from './submission-server.js';

/** In the stage's directory, where the commands run. */
export const configFile = 'demo.json';
/** Time for a message before the first refresh, which comes when half of it is over. */
export const accessTokenSeconds = 8;
/** Who can sign in. */
export const people = /** @type {const} */ ([
  'alice@example.test',
  'bob@example.test',
  'office@example.test',
]);

/**
 * @typedef {object} Servers
 * @property {import('./openid-provider.js').OpenIdProvider} provider
 * @property {import('./submission-server.js').SubmissionServer} submission
 */

/**
 * @param {import('./stage.js').Stage} stage
 * @param {number} [tokenSeconds] How long an access token lives.
 * @returns {Promise<Servers>}
 */
export async function startServers({ directory, add }, tokenSeconds = accessTokenSeconds) {
  const accounts = people.map((email) => ({ sub: email, email }));
  // The stricter kind of provider: each refresh token works once, and one used twice ends the grant.
  const provider = add(
    await startOpenIdProvider({ accounts, accessTokenSeconds: tokenSeconds, rotate: true }),
  );
  const certificates = await makeCertificates();
  const corrupt = Boolean(process.env['MAILBEARER_DEMO_CORRUPT']);
  const submission = add(await startSubmissionServer({ provider, certificates, corrupt }));

  const tokenDirectory = join(directory, 'tokens');
  const authorityFile = join(directory, 'ca.pem');
  await mkdir(tokenDirectory);
  await writeFile(authorityFile, certificates.authority);
  const config = {
    // The log tells the SMTP dialogue at this level only.
    log_level: 'trace',
    token_dir: tokenDirectory,
    // Gmail and Outlook need no entry, only a client_id.
    providers: {
      demo: {
        client_id: provider.clientId,
        authorization_endpoint: provider.authorizationEndpoint,
        token_endpoint: provider.tokenEndpoint,
        scope: 'openid email smtp',
        smtp: { host: 'localhost', port: submission.port, tls: 'starttls' },
        ca_bundle_file: authorityFile,
      },
    },
    // Any free port: the usual 2525 may be taken.
    relay: { listen: '127.0.0.1:0' },
    // A port that the command `dashboard` finds here, and a key to the page that goes with the demo.
    status: { listen: `127.0.0.1:${await freePort()}` },
    state_dir: resolve(directory),
  };
  await writeFile(join(directory, configFile), `${JSON.stringify(config, undefined, 2)}\n`);
  return { provider, submission };
}

/** @returns {Promise<number>} */
async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('a port has no number');
  return address.port;
}
