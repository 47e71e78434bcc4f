// Child of many-processes.test.ts: one of several processes that need the token in the file named at one moment.
// The token endpoint is a file of lines: every question is a line, and a refresh token is good for one use.
import { appendFileSync, readFileSync } from 'node:fs';
import { systemClock } from '../../dist/core/clock.js';
import { silentLogger } from '../../dist/core/logger.js';
import { Secret } from '../../dist/core/secret.js';
import { unknownProvider } from '../../dist/providers/provider.js';
import { createRefresher } from '../../dist/refresh/refresher.js';
import { createFileStore } from '../../dist/tokens/file-store.js';

const [path = '', journal = ''] = process.argv.slice(2);
const account = {
  name: 'a@b.example',
  tokenFile: path,
  provider: { ...unknownProvider },
  client: {
    clientId: 'client',
    clientSecret: new Secret(''),
    tokenEndpoint: new URL('http://127.0.0.1:1/token'),
    refreshScope: undefined,
    proxy: undefined,
    caBundleFile: undefined,
    caCertsDir: undefined,
  },
  submission: {
    user: 'a@b.example',
    smtp: { host: '127.0.0.1', port: 587, tls: /** @type {const} */ ('none') },
    mechanism: undefined,
  },
  grant: { kind: /** @type {const} */ ('refresh-token') },
  refreshWindowSeconds: 600,
  senders: ['a@b.example'],
};
const store = createFileStore({ path, clock: systemClock, random: Math.random });
const initial = await store.read();
process.stdout.write('ready\n');
await new Promise((resolve) => process.stdin.once('data', resolve));

const refresher = createRefresher({
  account,
  store,
  initial,
  clock: systemClock,
  random: Math.random,
  logger: silentLogger,
  requestGrant: () => Promise.reject(new Error('no grant is asked for here')),
  async requestRefresh(_client, refreshToken) {
    const used = readFileSync(journal, 'utf8').split('\n').includes(refreshToken.reveal());
    appendFileSync(journal, `${refreshToken.reveal()}\n`);
    // Long enough for everyone to want the same.
    await new Promise((resolve) => setTimeout(resolve, 300));
    if (used) return { kind: 'needs-person', reason: 'invalid_grant: used twice', advice: 'sign in again' };
    const next = new Secret(`${refreshToken.reveal()}+`);
    return {
      kind: 'refreshed',
      accessToken: new Secret(`access for ${refreshToken.reveal()}`),
      refreshToken: next,
      expiresInSeconds: 3600,
      lifetimeKnown: true,
    };
  },
});
const outcomes = await Promise.all(
  Array.from({ length: 10 }, () =>
    refresher.accessToken().then(
      ({ secret }) => secret.reveal(),
      (error) => error.code,
    ),
  ),
);
await refresher.close();
process.stdout.write(`${JSON.stringify(outcomes)}\n`);
process.exit();
