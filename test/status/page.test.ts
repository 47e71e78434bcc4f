/** The page and its facts, asked for as programs do: who is let in, what is shown, and that it is escaped. */
import { chmod, readdir, stat, writeFile } from 'node:fs/promises';
import { type IncomingMessage, request } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../src/config/parse.js';
import { systemClock } from '../../src/core/clock.js';
import { startDaemon } from '../../src/daemon/serve.js';
import type { Snapshot } from '../../src/status/snapshot.js';
import { submit } from '../relay/scene.js';
import { eventually } from '../support/process.js';
import { greetedClient } from '../support/relay-under-test.js';
import { type LogLine, loggerInto } from '../support/recording-logger.js';
import { writeTokenFile } from '../support/token-files.js';
import { ask, cookieOf, keyOf, shownDaemon } from './daemon.js';

describe('the status page', () => {
  it('is for none but those with the key, or let in by it', async () => {
    const daemon = await shownDaemon();
    for (const path of ['/', '/status.json', '/events']) {
      const strangers = [
        {},
        { authorization: 'Bearer 0123456789012345678901234567890123456789012' },
        { cookie: 'mailbearer=' },
      ];
      for (const headers of strangers) {
        const { body, status } = await ask(daemon.where, path, {
          headers: { ...headers } as Record<string, string>,
        });
        expect([path, status, body.includes('@')]).toEqual([path, 401, false]);
        expect(body).toContain('mailbearer dashboard');
      }
    }
    expect((await ask(daemon.where, '/', { headers: await cookieOf(daemon) })).status).toBe(200);
    expect((await ask(daemon.where, '/status.json', { headers: await keyOf(daemon) })).status).toBe(200);
    expect((await stat(join(daemon.directory, 'status.key'))).mode & 0o777).toBe(0o600);
    expect((await readdir(daemon.directory)).filter((name) => name.startsWith('status.key'))).toHaveLength(1);
  });

  it('says that the server refuses an account, until it has another token', async () => {
    const daemon = await shownDaemon({ senders: ['a@example.org'] });
    daemon.upstream.script = (event) =>
      event.startsWith('AUTH')
        ? '535 5.7.139 SmtpClientAuthentication is disabled for the Tenant\r\n'
        : undefined;
    const headers = await keyOf(daemon);
    const look = async () =>
      JSON.parse((await ask(daemon.where, '/status.json', { headers })).body) as Snapshot;
    expect((await look()).accounts[0]).toMatchObject({ problem: null, remedy: null });
    const client = await greetedClient(daemon.port);
    expect(await client.say('MAIL FROM:<a@example.org>')).toMatch(/^454 4\.7\.0 /);
    expect((await look()).accounts[0]).toMatchObject({
      state: 'fresh',
      problem: expect.stringMatching(/^AUTH XOAUTH2 as a@b\.example was answered 535 5\.7\.139 /) as string,
      hint: expect.stringContaining('Set-TransportConfig') as string,
      remedy: 'retry',
    });
    expect((await look()).listing).toMatchObject({ states: { 'needs-attention': 1 } });
    expect((await ask(daemon.where, '/', { headers })).body).toContain('535 5.7.139');
    const file = join(daemon.directory, 'tokens/a@b.example');
    // Times of files are up to a tick of the kernel behind.
    await sleep(20);
    await writeTokenFile(file, systemClock, 3600, { access_token: 'another' });
    await eventually('no problem', async () => (await look()).accounts[0]?.problem === null || undefined);
  });

  it('counts more accounts than anybody reads, and leads to all by links and a form, the worst first', async () => {
    // Sixty are well but have no server, one is well, and one cannot be used.
    const daemon = await shownDaemon();
    const tokens = join(daemon.directory, 'tokens');
    for (let number = 0; number < 60; number++)
      await writeTokenFile(join(tokens, `u${number}@b.example`), systemClock, 3600);
    await writeFile(join(tokens, 'z@b.example'), 'no token');
    const headers = await keyOf(daemon);
    const page = async (query: string) => (await ask(daemon.where, `/${query}`, { headers })).body;
    await eventually('all to be known', async () => (await page('')).includes('62 accounts: ') || undefined);
    const textOf = (markup: string) => markup.replace(/<[^>]*>/g, '').replace(/\s+/g, ' ');
    const namesOf = (markup: string) => [...markup.matchAll(/<h3>([^<]*)/g)].map(([, name]) => name);
    const linksOf = (markup: string) =>
      new Map(
        [...markup.matchAll(/<a\b[^>]*href="\/([^"]*)"[^>]*>([^<]*)/g)].map(([, query, text]) => [
          text!,
          query!.replaceAll('&#38;', '&'),
        ]),
      );
    const first = await page('');
    expect(textOf(first)).toContain(
      '62 accounts: 61 fresh, 1 cannot be used; 61 in need of attention, 1 in need of a new sign-in.',
    );
    expect(textOf(first)).toContain('1 to 50 of 62.');
    expect(namesOf(first)).toHaveLength(50);
    expect(namesOf(first)[0]).toBe('z@b.example');
    const second = await page(linksOf(first).get('Next')!);
    expect(textOf(second)).toMatch(/51 to 62 of 62\..*Page 2 of 2/);
    expect(new Set([...namesOf(first), ...namesOf(second)]).size).toBe(62);
    expect(linksOf(second).has('Next')).toBe(false);
    expect(linksOf(second).get('Previous')).toBe('');
    const broken = await page(linksOf(first).get('1 cannot be used')!);
    expect(namesOf(broken)).toEqual(['z@b.example']);
    expect(textOf(broken)).toContain('1 to 1 of 1 that match.');
    // As the form sends it, with what was left open.
    const matching = await page('?state=fresh&provider=&q=U1&limit=4');
    expect(namesOf(matching)).toEqual(['u10', 'u11', 'u12', 'u13'].map((name) => `${name}@b.example`));
    expect(linksOf(matching).get('Next')).toBe('?state=fresh&q=u1&limit=4&page=2');
    for (const kept of ['<option value="fresh" selected>', 'name="q" value="u1"', 'name="limit" value="4"'])
      expect(matching).toContain(kept);
    expect(textOf(await page('?q=%3Cb%3E'))).toContain('None of 62 accounts matches.');
    expect(await page('?q=%3Cb%3E')).toContain('value="&#60;b&#62;"');
    expect(textOf(await page('?page=9'))).toContain('There is no page 9: page 2 is the last.');

    const json = async (query: string) => {
      const { body } = await ask(daemon.where, `/status.json${query}`, { headers });
      return JSON.parse(body) as Snapshot;
    };
    const all = await json('');
    expect(all.accounts).toHaveLength(62);
    expect(all.listing).toEqual({
      total: 62,
      states: {
        ...{ fresh: 61, due: 0, troubled: 0, unsaved: 0, broken: 1 },
        ...{ 'needs-attention': 61, 'needs-sign-in': 1 },
      },
      providers: { other: 61 },
      ...{ matching: 62, page: 1, pages: 1, limit: null },
    });
    const some = await json('?q=u1&limit=4&page=3');
    expect(some.listing).toMatchObject({ total: 62, matching: 11, page: 3, pages: 3, limit: 4 });
    expect(some.accounts.map(({ account }) => account)).toEqual(
      ['u18', 'u19', 'u1'].map((name) => `${name}@b.example`),
    );
    expect((await json('?account=z@b.example&account=u1@b.example')).accounts).toMatchObject([
      { account: 'u1@b.example', remedy: 'fix-config' },
      { account: 'z@b.example', remedy: 'reauthorize' },
    ]);
  });

  it('says what is wrong with a query, and shows no form with a few accounts', async () => {
    const daemon = await shownDaemon();
    const headers = await keyOf(daemon);
    for (const path of ['/', '/status.json', '/events']) {
      expect(await ask(daemon.where, `${path}?state=brokn`, { headers })).toMatchObject({
        status: 400,
        body:
          'state: there is no "brokn"; did you mean "broken"?\n' +
          'it is one or more of fresh, due, troubled, unsaved, broken, needs-attention, needs-sign-in\n',
      });
      expect((await ask(daemon.where, `${path}?state=brokn`)).status).toBe(401);
    }
    expect((await ask(daemon.where, '/', { headers })).body).not.toContain('<form class="filter"');
    expect((await ask(daemon.where, '/?q=c', { headers })).body).toContain('<form class="filter"');
  });

  it('lets a browser in once with each URL, by a cookie for neither scripts nor other sites', async () => {
    const daemon = await shownDaemon();
    const headers = await keyOf(daemon);
    const { body } = await ask(daemon.where, '/ticket', { method: 'POST', headers });
    const { ticket } = JSON.parse(body) as { ticket: string };
    // Whoever looks before a person does, such as the preview of a link, does not use it up.
    const looked = await ask(daemon.where, `/enter?ticket=${ticket}`, { method: 'HEAD' });
    expect(looked.headers['set-cookie']).toBeUndefined();
    const first = await ask(daemon.where, `/enter?ticket=${ticket}`);
    expect([first.status, first.headers['location']]).toEqual([303, '/']);
    expect(String(first.headers['set-cookie'])).toMatch(
      /^mailbearer=[\w-]{43}; .*HttpOnly; SameSite=Strict$/,
    );
    const second = await ask(daemon.where, `/enter?ticket=${ticket}`);
    expect([second.status, second.headers['set-cookie']]).toEqual([403, undefined]);
    expect((await ask(daemon.where, '/enter')).status).toBe(403);
  });

  it('makes such URLs for programs with the key, and for no page', async () => {
    const daemon = await shownDaemon();
    const key = await keyOf(daemon);
    const post = async (headers: Record<string, string>) =>
      (await ask(daemon.where, '/ticket', { method: 'POST', headers })).status;
    expect(await post({})).toBe(401);
    expect(await post(await cookieOf(daemon))).toBe(401);
    expect(await post({ ...key, origin: 'https://attacker.example' })).toBe(403);
    expect(await post({ ...key, origin: 'null' })).toBe(403);
    expect(await post({ ...key, host: 'attacker.example' })).toBe(421);
    expect((await ask(daemon.where, '/ticket', { headers: key })).status).toBe(405);
    expect(await post(key)).toBe(201);
  });

  it('lets nobody in where no key can be had, and the rest goes on', async () => {
    const daemon = await shownDaemon({ status: { key_file: '/etc/passwd/status.key' } });
    const warning = daemon.log.find(({ message }) => message.startsWith('the status page lets nobody in'));
    expect(warning?.message).toContain('/etc/passwd/status.key');
    expect(warning?.fields['hint']).toContain('StateDirectory=mailbearer');
    expect((await ask(daemon.where, '/', { headers: { authorization: 'Bearer undefined' } })).status).toBe(
      401,
    );
    expect((await ask(daemon.where, '/readyz')).status).toBe(200);
  });

  it('says of a key that others can read how to keep it', async () => {
    const before = await shownDaemon();
    await before.close();
    const path = join(before.directory, 'status.key');
    await chmod(path, 0o644);
    const log: LogLine[] = [];
    const { config } = parseConfig(before.configuration, undefined);
    const daemon = await startDaemon(config, loggerInto(log));
    await daemon.close();
    expect(log).toContainEqual(
      expect.objectContaining({
        level: 'warn',
        message: expect.stringContaining(`may read ${path}`),
        fields: { hint: `chmod o= ${path}` },
      }),
    );
  });

  it('shows accounts, messages with the replies of the upstream, and the last hour', async () => {
    const daemon = await shownDaemon({ senders: ['a@example.org'] });
    await submit(await greetedClient(daemon.port));
    const headers = await keyOf(daemon);
    const facts = JSON.parse((await ask(daemon.where, '/status.json', { headers })).body) as Snapshot;
    expect(facts).toMatchObject({
      ready: true,
      client_sessions: 1,
      accounts: [
        {
          account: 'a@b.example',
          state: 'fresh',
          problem: null,
          sessions: { busy: 0, idle: 1, opening: 0, waiting: 0 },
          messages: { sent: 1, deferred: 0, refused: 0, cut_off: 0 },
        },
      ],
      messages: [
        { account: 'a@b.example', from: 'a@example.org', outcome: 'sent', reply: '250 2.0.0 Ok: queued' },
      ],
    });
    expect(facts.throughput.at(-1)).toMatchObject({ sent: 1, failed: 0 });
    const { body } = await ask(daemon.where, '/', { headers });
    for (const fact of ['a@b.example', 'fresh', '1 sent', '250 2.0.0 Ok: queued', '59 min left'])
      expect(body).toContain(fact);
    expect(body).not.toContain('access-0');
    expect(JSON.stringify(facts)).not.toContain('access-0');
  });

  it('lists clients with what each is doing', async () => {
    const daemon = await shownDaemon({ senders: ['a@example.org'] });
    const idle = await greetedClient(daemon.port);
    await idle.say('EHLO there.example');
    const busy = await greetedClient(daemon.port);
    await busy.say('EHLO there.example');
    await busy.say('MAIL FROM:<a@example.org>');
    const headers = await keyOf(daemon);
    const clients = async () =>
      (JSON.parse((await ask(daemon.where, '/status.json', { headers })).body) as Snapshot).clients;
    const id = expect.stringMatching(/^[0-9a-f]{6}$/) as string;
    const age = expect.any(Number) as number;
    expect(await clients()).toEqual([
      { id, peer: '127.0.0.1', account: null, stage: 'idle', seconds: age },
      { id, peer: '127.0.0.1', account: 'a@b.example', stage: 'envelope', seconds: age },
    ]);
    await busy.say('RCPT TO:<b@example.net>');
    await busy.say('DATA');
    expect((await clients())[1]).toMatchObject({ account: 'a@b.example', stage: 'message' });
    expect((await ask(daemon.where, '/', { headers })).body).toContain('<td>sends its message</td>');
    idle.end();
    await eventually('one has gone', async () => ((await clients()).length === 1 ? true : undefined));
  });

  it('escapes what servers and senders say', async () => {
    const daemon = await shownDaemon({ senders: ['@example.org'] });
    daemon.upstream.script = (event) =>
      event.startsWith('MAIL') ? `451 4.3.0 <script>alert("1")</script> & 'x'\r\n` : undefined;
    await (await greetedClient(daemon.port)).say('MAIL FROM:<"<img/src=x>"@example.org>');
    const { body } = await ask(daemon.where, '/', { headers: await keyOf(daemon) });
    expect(body).toContain('&#60;script&#62;alert(&#34;1&#34;)&#60;/script&#62; &#38; &#39;x&#39;');
    expect(body).not.toMatch(/<script>|<img/);
  });

  it('is told of changes by events, each of which is the page as it then is', async () => {
    const daemon = await shownDaemon({ senders: ['a@example.org'] });
    const headers = await cookieOf(daemon);
    const [, host, port] = /^(.*):(\d+)$/.exec(daemon.where) ?? [];
    const seen = await new Promise<string>((resolve, reject) => {
      let text = '';
      const sent = request({ host, port, path: '/events', headers, agent: false }, (response) => {
        expect(response.headers['content-type']).toBe('text/event-stream');
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          const isFirst = text === '';
          text += chunk;
          if (isFirst) void greetedClient(daemon.port).then(submit, reject);
          if (!text.includes('Ok: queued')) return;
          sent.destroy();
          resolve(text);
        });
      });
      sent.on('error', (error) => reject(error));
      sent.end();
    });
    expect(seen.split('\n').filter((line) => line !== '' && !line.startsWith('data: '))).toEqual([]);
  });

  it('tells twenty browsers of changes, and another as soon as one has left', async () => {
    const daemon = await shownDaemon();
    const headers = await cookieOf(daemon);
    const [, host, port] = /^(.*):(\d+)$/.exec(daemon.where) ?? [];
    const follow = () =>
      new Promise<IncomingMessage>((resolve, reject) => {
        const sent = request({ host, port, path: '/events', headers, agent: false }, resolve);
        sent.on('error', reject).end();
      });
    const viewers = await Promise.all(Array.from({ length: 20 }, follow));
    expect(viewers.map(({ statusCode }) => statusCode)).toEqual(viewers.map(() => 200));
    expect((await ask(daemon.where, '/events', { headers })).status).toBe(503);
    viewers[0]!.destroy();
    const next = await eventually('a place', async () => {
      const response = await follow();
      return response.statusCode === 200 ? response : void response.resume();
    });
    const all = [...viewers.slice(1), next];
    const ended = Promise.all(
      all.map((response) => new Promise((resolve) => response.resume().on('close', resolve))),
    );
    for (const response of all) response.on('error', () => undefined);
    await daemon.close();
    await ended;
  });

  it('follows nothing for who asks for the head of the events alone', async () => {
    const daemon = await shownDaemon();
    const headers = await keyOf(daemon);
    expect(await ask(daemon.where, '/events', { method: 'HEAD', headers })).toMatchObject({
      status: 200,
      body: '',
    });
  });

  it('runs no script and no style but its own files, and asks nobody else', async () => {
    const daemon = await shownDaemon();
    const { body, headers } = await ask(daemon.where, '/', { headers: await keyOf(daemon) });
    expect(body).not.toMatch(/https?:|style="|<style|\son\w+="|<script>/);
    expect(String(headers['content-security-policy'])).not.toMatch(/unsafe|\*|https?:/);
    for (const path of body.match(/(?<=(?:href|src)=")[^"]+/g) ?? [])
      expect([path, (await ask(daemon.where, path)).status]).toEqual([path, 200]);
  });
});
