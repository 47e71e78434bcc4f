/**
 * Eight processes with an expired token, and a real OpenID provider that rotates strictly: a used refresh token that
 * comes back ends the sign-in. Each way to a token that the provider knows is tried.
 */
import { spawn } from 'node:child_process';
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  approveDevice,
  type OpenIdProvider,
  startOpenIdProvider,
} from '../../examples/demo/openid-provider.js';
import type { Grant } from '../../src/accounts/account.js';
import { systemClock } from '../../src/core/clock.js';
import { Secret } from '../../src/core/secret.js';
import { requestRefresh } from '../../src/oauth/client.js';
import { startApplicationProvider } from '../oauth/application-provider.js';
import { createCertificateAuthority } from '../support/certificates.js';
import { Teardown, temporaryDirectory } from '../support/process.js';
import { oauthClient } from '../support/token-endpoint.js';
import { writeTokenFile } from '../support/token-files.js';
import { obtainTokens } from '../system/sign-in.js';

const script = fileURLToPath(new URL('refresh-process.mjs', import.meta.url));
const login = 'alice@example.test';
const processes = 8;
const demands = 25;

interface Job {
  readonly tokenEndpoint: string | URL;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly grant: Grant;
}

const teardown = new Teardown();
afterAll(() => teardown.run());
let directory: string;
let tokenFile: string;
let children: ((line: string) => Promise<string>)[];

beforeAll(async () => {
  const root = await temporaryDirectory();
  teardown.defer(root.remove);
  directory = root.path;
  tokenFile = join(directory, 'tokens', login);
  children = await Promise.all(Array.from({ length: processes }, startChild));
});

/** Gives the child a line and resolves to its answer. */
async function startChild(): Promise<(line: string) => Promise<string>> {
  const child = spawn(process.execPath, [script], { stdio: ['pipe', 'pipe', 'inherit'] });
  teardown.defer(() => child.kill('SIGKILL'));
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const next = async () => String((await lines.next()).value);
  expect(await next()).toBe('ready');
  return (line) => {
    child.stdin.write(`${line}\n`);
    return next();
  };
}

/** Two hundred demands at one moment; all get the token that stands in the file then. */
async function demandAll(job: Job): Promise<Record<string, unknown>> {
  const line = JSON.stringify({ ...job, tokenFile, demands });
  const answers = await Promise.all(children.map((ask) => ask(line)));
  const tokens = answers.flatMap((answer) => JSON.parse(answer) as string[]);
  const file = JSON.parse(await readFile(tokenFile, 'utf8')) as Record<string, unknown>;
  expect(tokens).toEqual(Array.from({ length: processes * demands }, () => file['access_token']));
  expect(file['access_token']).not.toBe('access-0');
  expect(await readdir(join(directory, 'tokens'))).toEqual([login]);
  return file;
}

describe('defect 4: two hundred demands from eight processes for an expired token make one request', () => {
  describe('to a strict provider, and the sign-in lives', () => {
    let provider: OpenIdProvider;
    beforeAll(async () => {
      provider = await startOpenIdProvider({ rotate: true });
      teardown.defer(() => provider.close());
    });

    it.each([
      { by: 'by browser', signIn: async () => (await obtainTokens(provider, login)).refreshToken },
      { by: 'by device', signIn: () => signInByDevice(provider) },
    ])('after a sign-in $by', async ({ signIn }) => {
      const first = await signIn();
      await writeTokenFile(await emptyPlace(), systemClock, 0, { refresh_token: first });
      provider.requests.length = 0;
      const { tokenEndpoint, clientId } = provider;
      const job: Job = { tokenEndpoint, clientId, clientSecret: '', grant: { kind: 'refresh-token' } };
      const file = await demandAll(job);
      expect(provider.requests).toMatchObject([{ grantType: 'refresh_token', status: 200 }]);

      const client = oauthClient(new URL(tokenEndpoint), { clientId });
      const use = async (token: unknown) => requestRefresh(client, new Secret(String(token)));
      const next = await use(file['refresh_token']);
      expect(next).toMatchObject({ kind: 'refreshed' });
      // And it would have died of a second request with the same token.
      expect(await use(first)).toMatchObject({ kind: 'needs-person' });
      const { refreshToken } = next as { refreshToken: Secret };
      expect(await use(refreshToken.reveal())).toMatchObject({ kind: 'needs-person' });
    });
  });

  it.each(['secret', 'certificate'])('for an application with a %s', async (kind) => {
    const scope = 'https://outlook.example/.default';
    const files = await (await createCertificateAuthority(join(directory, kind))).issue('app');
    const provider = await startApplicationProvider({ certificate: files.certificate, scope });
    teardown.defer(() => provider.close());
    await writeTokenFile(await emptyPlace(), systemClock, 0, { refresh_token: undefined });
    const certificate = { ...files, passphrase: undefined };
    await demandAll({
      clientSecret: '',
      ...(kind === 'secret' ? provider.withSecret : provider.withCertificate),
      tokenEndpoint: provider.tokenEndpoint,
      grant: {
        kind: 'client-credentials',
        scope,
        certificate: kind === 'secret' ? undefined : certificate,
      },
    });
    expect(provider.requests).toBe(1);
  });
});

/** Another account's token would be found fresh. */
async function emptyPlace(): Promise<string> {
  await rm(join(directory, 'tokens'), { recursive: true, force: true });
  await mkdir(join(directory, 'tokens'));
  return tokenFile;
}

/** Without mailbearer, which would wait five seconds before it asks. */
async function signInByDevice(provider: OpenIdProvider): Promise<string> {
  const ask = async (url: string, form: Record<string, string>) => {
    const body = new URLSearchParams({ client_id: provider.clientId, ...form });
    return (await (await fetch(url, { method: 'POST', body })).json()) as Record<string, string>;
  };
  const device = await ask(provider.deviceAuthorizationEndpoint, { scope: 'openid offline_access smtp' });
  await approveDevice(String(device['verification_uri']), String(device['user_code']), { login });
  const tokens = await ask(provider.tokenEndpoint, {
    grant_type: 'urn:ietf:params:oauth:grant-type:device_code',
    device_code: String(device['device_code']),
  });
  return String(tokens['refresh_token']);
}
