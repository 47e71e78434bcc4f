/** Sign-ins from the page, step by step over HTTP: what binds the answer to who asked for it, and what is written. */
import { chmod, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { eventually } from '../support/process.js';
import { ask, cookieOf, keyOf, shownDaemon } from './daemon.js';
import {
  accountOf,
  alice,
  answerOf,
  bob,
  cookieIn,
  nextOf,
  pressAuthorize,
  signInScene,
  tokenOf,
} from './sign-in-scene.js';

describe('a sign-in from the page', () => {
  it('brings new tokens, which the daemon uses at once', async () => {
    const scene = await signInScene();
    await eventually('the refresh is refused', async () =>
      (await accountOf(scene)).problem?.includes('invalid_grant') === true ? true : undefined,
    );
    await writeFile(scene.tokenFile, JSON.stringify({ ...(await tokenOf(scene)), note: 'stays' }));
    await chmod(scene.tokenFile, 0o640);
    expect((await ask(scene.where, '/', { headers: await keyOf(scene) })).body).toContain('Authorize again');

    const departure = await pressAuthorize(scene);
    expect([departure.status, String(departure.headers['set-cookie'])]).toEqual([
      200,
      expect.stringMatching(/^mailbearer-[\w-]{8}=[\w-]{43}; Path=\/; Max-Age=600; HttpOnly; SameSite=Lax$/),
    ]);
    const request = new URL(nextOf(departure));
    expect(Object.fromEntries(request.searchParams)).toMatchObject({
      redirect_uri: `http://${scene.where}/`,
      code_challenge_method: 'S256',
      login_hint: alice,
    });
    const answer = await answerOf(departure, alice);
    const done = await ask(scene.where, answer, { headers: cookieIn(departure) });
    expect([done.status, done.body]).toEqual([200, expect.stringContaining('has new tokens')]);
    expect(String(done.headers['set-cookie'])).toMatch(/^mailbearer-[\w-]{8}=; .*Max-Age=0/);

    const { access_token, note, refresh_token } = await tokenOf(scene);
    expect([note, access_token === 'access-0', refresh_token === 'refresh-0']).toEqual([
      'stays',
      false,
      false,
    ]);
    expect(await accountOf(scene)).toMatchObject({ state: 'fresh', problem: null });
    expect((await stat(scene.tokenFile)).mode & 0o777).toBe(0o640);
    expect(await readdir(join(scene.directory, 'tokens'))).toEqual([alice]);
    const said = JSON.stringify(scene.log);
    expect(said).toContain('signed in from the status page');
    for (const secret of [access_token, refresh_token, new URLSearchParams(answer).get('code')!])
      expect(said).not.toContain(secret);
  });

  it('is refused with both names when somebody else has signed in, and the file stays as it was', async () => {
    const scene = await signInScene();
    const before = await readFile(scene.tokenFile, 'utf8');
    const departure = await pressAuthorize(scene);
    const { body, status } = await ask(scene.where, await answerOf(departure, bob), {
      headers: cookieIn(departure),
    });
    expect(status).toBe(400);
    expect(body).toContain(`${bob} has signed in, and the mailbox of the account is ${alice}`);
    expect(body).toContain(
      `mailbearer get-token gmail ${scene.tokenFile} --overwrite-existing-token --user shared:`,
    );
    expect(await readFile(scene.tokenFile, 'utf8')).toBe(before);
  });

  it('ends only in the browser that began it, whoever else has got hold of the answer', async () => {
    const scene = await signInScene();
    const before = await readFile(scene.tokenFile, 'utf8');
    const departure = await pressAuthorize(scene);
    const answer = await answerOf(departure, alice);
    const other = cookieIn(await pressAuthorize(scene)).cookie!;
    const [name] = cookieIn(departure).cookie!.split('=');
    const thieves = [
      '',
      other,
      `${name}=`,
      `${name}=${other.split('=')[1]}`,
      (await cookieOf(scene))['cookie']!,
    ];
    for (const cookie of thieves)
      expect([cookie, (await ask(scene.where, answer, { headers: { cookie } })).status]).toEqual([
        cookie,
        403,
      ]);
    expect(await readFile(scene.tokenFile, 'utf8')).toBe(before);
    expect((await ask(scene.where, answer, { headers: cookieIn(departure) })).status).toBe(200);
  });

  it('takes each answer once, and no other state', async () => {
    const scene = await signInScene();
    const departure = await pressAuthorize(scene);
    const answer = await answerOf(departure, alice);
    const headers = cookieIn(departure);
    const forged = answer.replace(/state=[^&]+/, 'state=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA');
    expect((await ask(scene.where, forged, { headers })).status).toBe(400);
    const [, state] = /state=([^&]+)/.exec(answer)!;
    expect((await ask(scene.where, `/?state=${state}`, { headers })).body).toContain(
      'neither a code nor an error',
    );
    expect((await ask(scene.where, answer, { headers, method: 'HEAD' })).status).toBe(401);
    expect((await ask(scene.where, answer, { headers })).status).toBe(200);
    const after = await readFile(scene.tokenFile, 'utf8');
    const again = await ask(scene.where, answer, { headers });
    expect([again.status, again.body]).toEqual([400, expect.stringContaining('it was used, or is too old')]);
    expect(await readFile(scene.tokenFile, 'utf8')).toBe(after);
    expect(
      scene.provider.requests.filter(({ grantType }) => grantType === 'authorization_code'),
    ).toHaveLength(1);
  });

  it('is of an account that the page knows', async () => {
    const scene = await signInScene();
    const unknown = await pressAuthorize(scene, {}, 'account=nobody%3Cscript%3E');
    expect([unknown.status, unknown.body]).toEqual([404, expect.not.stringContaining('nobody')]);
    expect((await pressAuthorize(scene, {}, `account=${alice}&more=${'a'.repeat(5_000)}`)).status).toBe(404);
  });

  it('is begun by a form of the page alone, in a browser that was let in', async () => {
    const scene = await signInScene();
    const status = async (headers: Record<string, string>) => (await pressAuthorize(scene, headers)).status;
    expect(await status({ origin: 'https://attacker.example' })).toBe(403);
    expect(await status({ origin: 'http://127.0.0.1:9' })).toBe(403);
    expect(await status({ origin: 'null' })).toBe(403);
    expect(await status({ host: 'attacker.example', origin: 'http://attacker.example' })).toBe(421);
    expect(await status({ cookie: '' })).toBe(401);
    expect(await status({ ...(await keyOf(scene)), cookie: '' })).toBe(401);
    const { origin: _, ...headers } = { origin: '', ...(await cookieOf(scene)) };
    expect((await ask(scene.where, '/authorize', { method: 'POST', headers })).status).toBe(403);
    expect((await ask(scene.where, '/authorize?account=alice', { headers })).status).toBe(403);
  });

  it('tells why the provider gave nothing, in its words, which stay words', async () => {
    const scene = await signInScene();
    const departure = await pressAuthorize(scene);
    const headers = cookieIn(departure);
    const denied = await ask(scene.where, await answerOf(departure, alice, true), { headers });
    expect([denied.status, denied.body]).toEqual([
      400,
      expect.stringContaining('access_denied: The person said no'),
    ]);

    const next = await pressAuthorize(scene);
    const state = new URL(nextOf(next)).searchParams.get('state')!;
    const query = new URLSearchParams({
      state,
      error: 'invalid_scope',
      error_description: '<script>alert(1)</script>',
    });
    const { body } = await ask(scene.where, `/?${query.toString()}`, { headers: cookieIn(next) });
    expect(body).toContain('&#60;script&#62;alert(1)&#60;/script&#62;');
    expect(body).not.toContain('<script');
  });

  it('goes on under the name that the provider comes back to, by an address that works once', async () => {
    const scene = await signInScene('outlook');
    const [, port] = scene.where.split(':');
    const detour = new URL(nextOf(await pressAuthorize(scene)));
    expect(detour.origin).toBe(`http://localhost:${port}`);
    const path = detour.pathname + detour.search;
    const at = { host: detour.host };
    // Not under the name that the cookie would be lost with.
    expect((await ask(scene.where, path)).status).toBe(403);
    const departure = await ask(scene.where, path, { headers: at });
    expect(new URL(nextOf(departure)).searchParams.get('redirect_uri')).toBe(detour.origin);
    expect((await ask(scene.where, path, { headers: at })).status).toBe(403);
    const answer = await answerOf(departure, alice);
    expect(answer).toMatch(/^\/\?code=/);
    const done = await ask(scene.where, answer, { headers: { ...at, ...cookieIn(departure) } });
    expect([done.status, done.body]).toEqual([200, expect.stringContaining(`href="http://${scene.where}/"`)]);
    expect(await accountOf(scene)).toMatchObject({ state: 'fresh' });
  });

  it('asks the userinfo endpoint who it was, where the tokens do not say, and the issuer where to go', async () => {
    const scene = await signInScene('corp', { provider: { userinfo: true } });
    const departure = await pressAuthorize(scene);
    const { body } = await ask(scene.where, await answerOf(departure, bob), { headers: cookieIn(departure) });
    expect(body).toContain(`${bob} has signed in`);
  });

  it('makes the file of an account that has none yet', async () => {
    const scene = await signInScene();
    await rm(scene.tokenFile);
    await eventually('the file is missed', async () =>
      (await accountOf(scene)).state === 'broken' ? true : undefined,
    );
    const departure = await pressAuthorize(scene);
    await ask(scene.where, await answerOf(departure, alice), { headers: cookieIn(departure) });
    expect((await stat(scene.tokenFile)).mode & 0o777).toBe(0o600);
    expect(await accountOf(scene)).toMatchObject({ state: 'fresh' });
  });

  it('writes nothing into a file that has become another client’s in the meantime', async () => {
    const scene = await signInScene();
    const departure = await pressAuthorize(scene);
    const answer = await answerOf(departure, alice);
    const other = JSON.stringify({ ...(await tokenOf(scene)), client_id: 'another' });
    await writeFile(scene.tokenFile, other);
    await eventually('the change is seen', () =>
      scene.log.find(({ message }) => message === 'account changed'),
    );
    const { body } = await ask(scene.where, answer, { headers: cookieIn(departure) });
    expect(body).toContain(`account ${alice} was changed while somebody signed in`);
    expect(await readFile(scene.tokenFile, 'utf8')).toBe(other);
  });

  it('is not offered where no browser can come back, or nobody signs in: the command is', async () => {
    const { directory } = await shownDaemon();
    const scene = await signInScene('gmail', { status: { listen: `unix:${directory}/socket` } });
    const { body } = await ask(scene.where, '/', { headers: await keyOf(scene) });
    expect(body).toContain(
      `<code>mailbearer get-token gmail ${scene.tokenFile} --overwrite-existing-token</code>`,
    );
    expect(body).not.toContain('<form');
    expect((await ask(scene.where, '/authorize', { method: 'POST' })).status).toBe(404);

    const unattended = await shownDaemon({ account: { grant: 'command', token_command: 'echo token' } });
    const page = await ask(unattended.where, '/', { headers: await keyOf(unattended) });
    expect(page.body).toMatch(
      /Nobody signs in for it; for another token: <code>mailbearer refresh a@b\.example</,
    );
    expect(page.body).not.toContain('<form');
  });
});
