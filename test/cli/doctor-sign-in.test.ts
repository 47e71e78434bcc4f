/** What doctor says of a sign-in at a real OpenID provider, and through a proxy that lets it pass. */
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { signIn } from '../../examples/demo/openid-provider.js';
import { exitStatus } from '../../src/core/errors.js';
import { startConnectProxy } from '../oauth/connect-proxy.js';
import { createCertificateAuthority } from '../support/certificates.js';
import { startTokenEndpoint } from '../support/token-endpoint.js';
import { login, openWorkplace, type Workplace } from './workplace.js';

let place: Workplace;
beforeEach(async () => {
  place = await openWorkplace({ rotate: true });
});
afterEach(() => place.close());

interface Finding {
  readonly check: string;
  readonly account: string | null;
  readonly outcome: string;
  readonly message: string;
  readonly hint: string | null;
}

async function doctor(): Promise<{ status: number | null; of: (check: string) => Finding | undefined }> {
  const { status, stdout } = await place.run(['doctor', '--json', login], {
    env: { MAIL_CONFIG: join(place.directory, 'none') },
  });
  const found = JSON.parse(stdout) as Finding[];
  return { status, of: (check) => found.find((one) => one.check === check) };
}

test('doctor finds a sign-in well, keeps the refresh token that its refresh brought, and sees a sign-in that has ended', async () => {
  const command = place.start(['get-token', 'gmail', place.tokenFile]);
  await signIn((await command.says(/^http:\/\/\S+\/authorize\S+$/m))[0], { login });
  expect(await command.finished).toMatchObject({ status: exitStatus.ok });
  const before = await place.readToken();
  const well = await doctor();
  const checks = ['account', 'clock', 'token endpoint', 'refresh', 'EHLO', 'AUTH'];
  expect(checks.map((check) => well.of(check)?.outcome)).toEqual(Array(6).fill('pass'));
  expect(well.of('refresh')?.message).toContain('and a new refresh token');
  expect((await place.readToken())['refresh_token']).not.toBe(before['refresh_token']);

  await place.provider.endSessions();
  const { of, status } = await doctor();
  expect(status).toBe(exitStatus.failed);
  expect(of('token endpoint')?.outcome).toBe('pass');
  expect(of('refresh')).toMatchObject({
    outcome: 'fail',
    hint: expect.stringContaining(`mailbearer get-token gmail ${place.tokenFile}`) as string,
  });
});

test('doctor goes through a proxy, with its password, as refreshes do', async () => {
  const authority = await createCertificateAuthority(join(dirname(place.tokenDirectory), 'authority'));
  const endpoint = await startTokenEndpoint(await authority.issue('endpoint'));
  const proxy = await startConnectProxy();
  try {
    endpoint.script({ status: 400, body: { error: 'invalid_request' } });
    endpoint.script({ body: { access_token: 'A2', expires_in: 3600 } });
    await place.configure({
      accounts: {
        [login]: {
          provider: 'gmail',
          token_endpoint: endpoint.url.href,
          ca_bundle_file: authority.certificateFile,
          proxy: proxy.url.href.replace('//', '//joe:pa55@'),
        },
      },
    });
    await place.writeToken({ access_token: 'A', refresh_token: 'R', expiry: '0' });
    const { of } = await doctor();
    expect(of('proxy')).toMatchObject({
      outcome: 'pass',
      message: `${proxy.url.host} lets connections to ${endpoint.url.host} through`,
    });
    expect(['TLS', 'token endpoint', 'refresh', 'AUTH'].map((check) => of(check)?.outcome)).toEqual(
      Array(4).fill('pass'),
    );
    const authorization = `Basic ${Buffer.from('joe:pa55').toString('base64')}`;
    expect(proxy.connects.length).toBeGreaterThan(1);
    for (const connect of proxy.connects)
      expect(connect).toEqual({ target: endpoint.url.host, authorization });
  } finally {
    await proxy.close();
    await endpoint.close();
  }
});
