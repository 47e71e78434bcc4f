import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { approveDevice } from '../../examples/demo/openid-provider.js';
import { exitStatus } from '../../src/core/errors.js';
import type { Finished, Talk } from '../support/run-binary.js';
import { login, openWorkplace, type Workplace } from './workplace.js';

let place: Workplace;
beforeEach(async () => {
  place = await openWorkplace();
});
afterEach(() => place.close());

const getToken = (provider: string) => ['get-token', provider, place.tokenFile, '--use-device-flow'];

/** Enters the code that the command shows. */
async function enterCode(command: Talk, deny = false): Promise<Finished> {
  const [, page = '', code = ''] = await command.says(/^ {2}(http\S+)\n {2}(\S+)$/m);
  await approveDevice(page, code, { login, deny });
  return command.finished;
}

describe('get-token with a device flow', () => {
  test('shows page and code, and writes the file once the code was entered', async () => {
    const { status, stdout } = await enterCode(place.startBinary(getToken('outlook')));
    expect(status).toBe(exitStatus.ok);
    // Its endpoint is that of the workplace's gmail, too.
    expect(JSON.parse(stdout)).toEqual({ accounts: { [login]: { provider: 'outlook' } } });
    expect(await place.readToken()).toMatchObject({ token_endpoint: place.provider.tokenEndpoint });
  });

  test('ends with advice when the person says no', async () => {
    const { status, stderr } = await enterCode(place.start(getToken('outlook')), true);
    expect(status).toBe(exitStatus.noPermission);
    expect(stderr).toMatch(/access_denied.*\nhint: /);
  });

  test('ends with 130 at Ctrl-C, though it waits for the provider', async () => {
    const command = place.startBinary(getToken('outlook'));
    await command.says(/Ctrl-C gives up/);
    command.signal('SIGINT');
    expect((await command.finished).status).toBe(130);
  });

  test('is refused for Gmail, whose device flow has no mail scope', async () => {
    const { status, stderr } = await place.run(getToken('gmail'));
    expect(status).toBe(exitStatus.usage);
    expect(stderr).toMatch(/device flow.*\nhint: leave --use-device-flow out/);
  });
});
