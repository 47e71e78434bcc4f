/**
 * Two `mailbearer serve` on one directory of tokens, before a real OpenID provider that rotates strictly: a refresh token
 * that comes twice ends the sign-in. Both refresh and relay, then one is killed while it has a refresh under way.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, expect, it } from 'vitest';
import { type OpenIdProvider, startOpenIdProvider } from '../../examples/demo/openid-provider.js';
import { systemClock } from '../../src/core/clock.js';
import { Secret } from '../../src/core/secret.js';
import { requestRefresh } from '../../src/oauth/client.js';
import { eventually, freePort, Teardown, temporaryDirectory } from '../support/process.js';
import { endClients, greetedClient } from '../support/relay-under-test.js';
import { type Conversation, startBinary } from '../support/run-binary.js';
import { startScriptedUpstream } from '../support/scripted-upstream.js';
import { oauthClient } from '../support/token-endpoint.js';
import { writeTokenFile } from '../support/token-files.js';
import { obtainTokens } from '../system/sign-in.js';

const logins = ['alice', 'bob', 'carol'].map((name) => `${name}@example.test`);
const names = ['one', 'two'] as const;
type Name = (typeof names)[number];

const teardown = new Teardown();
afterEach(async () => {
  endClients();
  await teardown.run();
});

/** Between the daemons and the provider: sees who asks for whom, and passes it on unless the asker is about to die. */
class Desk {
  readonly url: string;
  /** Access tokens that were given. */
  readonly valid = new Set<string>();
  readonly faults: string[] = [];
  readonly refreshes: { readonly by: Name; readonly login: string }[] = [];
  /** By account, the newest refresh token. */
  readonly newest = new Map<string, string>();
  /** Whose questions go no further from now on, and about which accounts there were some. */
  doomed: Name | undefined;
  readonly unheard: string[] = [];
  readonly #provider: OpenIdProvider;
  /** Whose a refresh token is. */
  readonly #owners: Map<string, string>;
  readonly #asking = new Set<string>();
  readonly #used = new Set<string>();

  constructor(provider: OpenIdProvider, port: number, owners: Map<string, string>) {
    this.url = `http://127.0.0.1:${port}`;
    this.#provider = provider;
    this.#owners = owners;
  }

  /** The provider is being asked by somebody. */
  get isAsking(): boolean {
    return this.#asking.size > 0;
  }

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const by = request.url?.slice(1) as Name;
    const question = await text(request);
    const token = new URLSearchParams(question).get('refresh_token') ?? '';
    const login = this.#owners.get(token) ?? 'nobody';
    // It waits for an answer until it dies.
    if (by === this.doomed) return void this.unheard.push(login);
    if (this.#asking.has(login)) this.faults.push(`${by} refreshes ${login} while another does`);
    if (this.#used.has(token)) this.faults.push(`${by} shows a refresh token of ${login} that is spent`);
    this.#used.add(token);
    this.#asking.add(login);
    const answer = await fetch(this.#provider.tokenEndpoint, {
      method: 'POST',
      headers: { 'content-type': request.headers['content-type'] ?? '' },
      body: question,
    });
    const body = await answer.text();
    this.#asking.delete(login);
    if (answer.status !== 200) this.faults.push(`the provider says of ${login}: ${body}`);
    const given = JSON.parse(body) as { access_token: string; refresh_token: string };
    this.valid.add(given.access_token);
    this.#owners.set(given.refresh_token, login);
    this.newest.set(login, given.refresh_token);
    this.refreshes.push({ by, login });
    response.writeHead(answer.status, { 'content-type': 'application/json' }).end(body);
  }
}

/** The reply to the end of a message. */
async function sendThrough(port: number, login: string): Promise<string> {
  const client = await greetedClient(port);
  client.send(`MAIL FROM:<${login}>\r\nRCPT TO:<x@example.net>\r\nDATA\r\n`);
  for (let count = 0; count < 3; count++) expect(await client.reply()).toMatch(/^[23]/);
  const end = await client.say(`Subject: from ${login}\r\n\r\nhello\r\n.`);
  client.end();
  return end;
}

it('two daemons share the tokens: none is refreshed twice at once, and the death of one loses none', async () => {
  const { path: directory, remove } = await temporaryDirectory();
  teardown.defer(remove);
  const tokens = join(directory, 'tokens');
  await mkdir(tokens);
  const provider = await startOpenIdProvider({
    accounts: logins.map((email) => ({ sub: email, email })),
    // Refreshed after half of it, and long enough for a slow machine.
    accessTokenSeconds: 4,
    rotate: true,
  });
  teardown.defer(() => provider.close());
  const owners = new Map<string, string>();
  for (const login of logins) {
    const { refreshToken } = await obtainTokens(provider, login);
    owners.set(refreshToken, login);
    await writeTokenFile(join(tokens, login), systemClock, 0, { refresh_token: refreshToken });
  }
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  teardown.defer(() => (server.closeAllConnections(), server.close()));
  const desk = new Desk(provider, (server.address() as AddressInfo).port, owners);
  server.on('request', (request, response) => void desk.answer(request, response).catch(() => undefined));
  const upstream = await startScriptedUpstream();
  teardown.defer(() => upstream.close());
  upstream.acceptedTokens = desk.valid;

  const daemons = {} as Record<Name, { readonly life: Conversation; readonly port: number }>;
  for (const name of names) {
    const port = await freePort();
    const account = { smtp: { host: '127.0.0.1', port: upstream.port, tls: 'none' } };
    const config = join(directory, `${name}.json`);
    const settings = {
      client_id: provider.clientId,
      token_endpoint: `${desk.url}/${name}`,
      token_dir: tokens,
      state_dir: directory,
      accounts: Object.fromEntries(logins.map((login) => [login, account])),
      relay: { listen: `127.0.0.1:${port}` },
    };
    await writeFile(config, JSON.stringify(settings));
    daemons[name] = { life: startBinary(['serve', '--config-file', config]), port };
  }
  teardown.defer(() => names.map((name) => daemons[name].life.signal('SIGKILL')));
  for (const name of names) await daemons[name].life.says(/"msg":"ready"/);

  const evidence = () => JSON.stringify([desk.refreshes, desk.faults]);
  const countOf = (login: string) => desk.refreshes.filter((one) => one.login === login).length;
  const refreshTokenOf = async (login: string) =>
    (JSON.parse(await readFile(join(tokens, login), 'utf8')) as { refresh_token: string }).refresh_token;
  const sendAll = async (who: readonly Name[]) => {
    const all = who.flatMap((name) => logins.map((login) => sendThrough(daemons[name].port, login)));
    for (const end of await Promise.all(all)) expect(end).toBe('250 2.0.0 Ok: queued');
  };
  await sendAll(names);
  expect(logins.map(countOf)).not.toContain(0);

  // Killed with the lock of an account in its hand. What a provider has given and nobody has written yet would be lost.
  desk.doomed = 'one';
  const struck = await eventually(
    'a question, and all answers on disk',
    async () => {
      const files = await Promise.all(logins.map(refreshTokenOf));
      const isWritten = logins.every((login, index) => files[index] === desk.newest.get(login));
      return isWritten && !desk.isAsking ? desk.unheard[0] : undefined;
    },
    evidence,
  );
  daemons.one.life.signal('SIGKILL');
  expect((await daemons.one.life.finished).signal).toBe('SIGKILL');
  const before = countOf(struck);
  await eventually(
    'the other one to refresh it',
    () => (countOf(struck) > before ? true : undefined),
    evidence,
  );
  await sendAll(['two']);
  expect(upstream.messages.length).toBe(3 * logins.length);
  daemons.two.life.signal('SIGTERM');
  expect((await daemons.two.life.finished).status).toBe(0);

  expect(desk.faults).toEqual([]);
  for (const login of logins) {
    const client = oauthClient(new URL(provider.tokenEndpoint), { clientId: provider.clientId });
    expect(await requestRefresh(client, new Secret(await refreshTokenOf(login)))).toMatchObject({
      kind: 'refreshed',
    });
  }
}, 60_000);
