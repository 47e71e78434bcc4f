/** Microsoft's sign-in service elsewhere: which pages a person is sent to, and a whole sign-in at another address. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { approveDevice } from '../../examples/demo/openid-provider.js';
import { exitStatus } from '../../src/core/errors.js';
import { login, openWorkplace, type Workplace } from './workplace.js';

let place: Workplace;
beforeEach(async () => {
  place = await openWorkplace();
});
afterEach(() => place.close());

describe('get-token --cloud', () => {
  test.each([
    ['usgov', 'login.microsoftonline.us', 'outlook.office365.us'],
    ['usgov-dod', 'login.microsoftonline.us', 'outlook.office365.us'],
    ['china', 'login.partner.microsoftonline.cn', 'partner.outlook.cn'],
  ])('%s sends to %s, and asks for mail at %s', async (cloud, host, resource) => {
    await place.configure({ providers: {} });
    const command = place.startBinary(['get-token', 'outlook', place.tokenFile, '--cloud', cloud]);
    const [shown] = await command.says(/^https:\S+$/m);
    command.signal('SIGINT');
    await command.finished;
    const url = new URL(shown);
    expect(url.origin + url.pathname).toBe(`https://${host}/organizations/oauth2/v2.0/authorize`);
    expect(url.searchParams.get('scope')).toContain(`https://${resource}/SMTP.Send offline_access`);
  });

  test('is Microsoft’s alone', async () => {
    const { status, stderr } = await place.run(['get-token', 'gmail', place.tokenFile, '--cloud', 'usgov']);
    expect(status).toBe(exitStatus.usage);
    expect(stderr).toMatch(/--cloud usgov is for .*, not for gmail\nhint: /);
  });
});

test('get-token --login-base signs in there, in the tenant that is named, and the file keeps the address', async () => {
  const paths: Record<string, string> = {
    devicecode: place.provider.deviceAuthorizationEndpoint,
    token: place.provider.tokenEndpoint,
  };
  // The paths are Microsoft's, what stands behind them is a real OpenID provider.
  const base = createServer((request, response) => {
    const [, tenant, endpoint = ''] = /^\/([^/]+)\/oauth2\/v2\.0\/(\w+)$/.exec(request.url ?? '') ?? [];
    const to = tenant === 'corp.example' ? paths[endpoint] : undefined;
    void (async () => {
      if (to === undefined) return response.writeHead(404).end();
      const headers = { 'content-type': request.headers['content-type'] ?? '' };
      const answer = await fetch(to, { method: 'POST', headers, body: await text(request) });
      return response
        .writeHead(answer.status, { 'content-type': 'application/json' })
        .end(await answer.text());
    })();
  });
  base.listen(0, '127.0.0.1');
  await once(base, 'listening');
  onTestFinished(() => void base.close());
  const address = `http://127.0.0.1:${(base.address() as AddressInfo).port}`;
  await place.configure({ providers: {}, client_secret: '' });
  const flags = ['--login-base', address, '--tenant', 'corp.example', '--scope', 'offline_access smtp'];
  const command = place.start([
    ...['get-token', 'microsoft365', place.tokenFile, '--no-verify', '--use-device-flow'],
    ...flags,
  ]);
  const [, page = '', code = ''] = await command.says(/^ {2}(http\S+)\n {2}(\S+)$/m);
  await approveDevice(page, code, { login });
  const { status, stderr } = await command.finished;
  expect({ status, stderr }).toMatchObject({ status: exitStatus.ok });
  expect(await place.readToken()).toMatchObject({
    token_endpoint: `${address}/corp.example/oauth2/v2.0/token`,
    refresh_token: expect.any(String) as string,
  });
});
