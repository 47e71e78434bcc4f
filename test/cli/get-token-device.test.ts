import { describe, test, type TestContext } from 'vitest';
import { approveDevice } from '../../examples/demo/openid-provider.js';
import { exitStatus } from '../../src/core/errors.js';
import { login, openWorkplace, type Workplace } from './workplace.js';

/** The test's own: they run at once, for each waits five seconds before the provider may be asked. */
async function workplace({ onTestFinished }: TestContext): Promise<Workplace> {
  const place = await openWorkplace();
  onTestFinished(() => place.close());
  return place;
}

describe.concurrent('get-token with a device flow', () => {
  test('shows page and code, and writes the file once the code was entered', async (context) => {
    const { expect } = context;
    const place = await workplace(context);
    const command = place.startBinary(['get-token', 'outlook', place.tokenFile, '--use-device-flow']);
    const [, page = '', code = ''] = await command.says(/^ {2}(http\S+)\n {2}(\S+)$/m);
    await approveDevice(page, code, { login });
    const { status, stdout } = await command.finished;
    expect(status).toBe(exitStatus.ok);
    // Its endpoint is that of the workplace's gmail, too.
    expect(JSON.parse(stdout)).toEqual({ accounts: { [login]: { provider: 'outlook' } } });
    expect(await place.readToken()).toMatchObject({ token_endpoint: place.provider.tokenEndpoint });
  });

  test('ends with advice when the person says no', async (context) => {
    const { expect } = context;
    const place = await workplace(context);
    const command = place.startBinary(['get-token', 'outlook', place.tokenFile, '--use-device-flow']);
    const [, page = '', code = ''] = await command.says(/^ {2}(http\S+)\n {2}(\S+)$/m);
    await approveDevice(page, code, { login, deny: true });
    const { status, stderr } = await command.finished;
    expect(status).toBe(exitStatus.noPermission);
    expect(stderr).toMatch(/access_denied.*\nhint: /);
  });

  test('ends with 130 at Ctrl-C, though it waits for the provider', async (context) => {
    const { expect } = context;
    const place = await workplace(context);
    const command = place.startBinary(['get-token', 'outlook', place.tokenFile, '--use-device-flow']);
    await command.says(/Ctrl-C gives up/);
    command.signal('SIGINT');
    expect((await command.finished).status).toBe(130);
  });

  test('is refused for Gmail, whose device flow has no mail scope', async (context) => {
    const { expect } = context;
    const place = await workplace(context);
    const { status, stderr } = await place.runBinary([
      'get-token',
      'gmail',
      place.tokenFile,
      '--use-device-flow',
    ]);
    expect(status).toBe(exitStatus.usage);
    expect(stderr).toMatch(/device flow.*\nhint: leave --use-device-flow out/);
  });
});
