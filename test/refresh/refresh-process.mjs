// Child of many-processes.test.ts: one of several processes that need a token at one moment. Each line on standard
// input is a job: an account and how many demands there are for its token. The answer is a line too: every token, or
// what was wrong.
import { createInterface } from 'node:readline';
import { systemClock } from '../../dist/core/clock.js';
import { silentLogger } from '../../dist/core/logger.js';
import { Secret } from '../../dist/core/secret.js';
import { requestRefresh } from '../../dist/oauth/client.js';
import { requestGrant } from '../../dist/oauth/grant.js';
import { unknownProvider } from '../../dist/providers/provider.js';
import { createRefresher } from '../../dist/refresh/refresher.js';
import { createFileStore } from '../../dist/tokens/file-store.js';

process.stdout.write('ready\n');
for await (const line of createInterface(process.stdin)) {
  const { tokenFile, tokenEndpoint, clientId, clientSecret, grant, demands } = JSON.parse(line);
  const store = createFileStore({ path: tokenFile, clock: systemClock, random: Math.random });
  const refresher = createRefresher(
    {
      account: {
        name: 'a@b.example',
        tokenFile,
        provider: { ...unknownProvider },
        client: {
          clientId,
          clientSecret: new Secret(clientSecret),
          tokenEndpoint: new URL(tokenEndpoint),
          refreshScope: undefined,
          proxy: undefined,
          caBundleFile: undefined,
          caCertsDir: undefined,
        },
        tokenStore: 'file',
        submission: {
          user: 'a@b.example',
          smtp: { host: '127.0.0.1', port: 587, tls: 'none' },
          mechanism: undefined,
        },
        grant,
        refreshWindowSeconds: 600,
        senders: ['a@b.example'],
      },
      store,
      initial: await store.read(),
    },
    {
      clock: systemClock,
      random: Math.random,
      logger: silentLogger,
      requestRefresh: (client, refreshToken) => requestRefresh(client, refreshToken),
      requestGrant: (client, unattended) => requestGrant(client, unattended),
    },
  );
  const outcomes = await Promise.all(
    Array.from({ length: demands }, () =>
      refresher.accessToken().then(
        ({ secret }) => secret.reveal(),
        (error) => String(error),
      ),
    ),
  );
  await refresher.close();
  process.stdout.write(`${JSON.stringify(outcomes)}\n`);
}
