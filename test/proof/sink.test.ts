/** What the storm's upstream must refuse: tokens in clear, and tokens that were withdrawn until there is another. */
import { describe, expect, it, onTestFinished } from 'vitest';
import { Random } from '../../proof/random.js';
import { behave, startSink } from '../../proof/sink.js';
import { TokenDesk } from '../../proof/storm/token-desk.js';
import { createCertificateAuthority } from '../support/certificates.js';
import { temporaryDirectory } from '../support/process.js';
import { SmtpDialogue } from '../system/smtp-dialogue.js';

const account = 'a@storm.test';

async function startDesk(): Promise<TokenDesk> {
  const desk = await TokenDesk.start(new Random(1));
  onTestFinished(() => desk.stop());
  return desk;
}

function showUntilRefused(desk: TokenDesk, token: string): number {
  let times = 0;
  while (desk.accepts(token)) times++;
  return times;
}

/** Asks until there is an answer that can be used, as the relay does. */
async function renew(desk: TokenDesk): Promise<string> {
  for (;;) {
    const body = new URLSearchParams({ refresh_token: account });
    const answer = await fetch(desk.url, { method: 'POST', body })
      .then((response) => response.json() as Promise<{ access_token: string }>)
      .catch(() => undefined);
    if (answer !== undefined) return answer.access_token;
  }
}

describe('the token desk', () => {
  it('withdraws a token that is old, and takes nothing but a new one then', async () => {
    const desk = await startDesk();
    const { accessToken } = desk.firstToken(account);
    showUntilRefused(desk, accessToken);
    for (let time = 0; time < 20; time++) expect(desk.accepts(accessToken)).toBe(false);
    const renewed = await renew(desk);
    for (let time = 0; time < 50; time++) expect(desk.accepts(renewed)).toBe(true);
    expect([desk.accepts(accessToken), desk.accepts('made up'), desk.accepts(`${account} x`)]).toEqual([
      false,
      false,
      false,
    ]);
    expect(desk.renewals).toBe(1);
    expect(desk.refusals).toBeGreaterThan(20);
  });
});

describe('the sink with a certificate', () => {
  it('takes a token under TLS only, and asks about it at each MAIL', async () => {
    const { path, remove } = await temporaryDirectory();
    onTestFinished(remove);
    const authority = await createCertificateAuthority(path);
    const good = new Set(['token']);
    const temper = {
      mood: () => behave,
      onMessage: () => undefined,
      accepts: (token: string) => good.has(token),
    };
    const sink = await startSink(temper, await authority.issue('sink'));
    onTestFinished(() => sink.stop());
    const response = `user=${account}\x01auth=Bearer token\x01\x01`;
    const codeOf = async (line: string) => (await dialogue.command(line)).code;

    const dialogue = await SmtpDialogue.open(sink.port);
    expect((await dialogue.command('EHLO test')).lines).toContain('STARTTLS');
    expect((await dialogue.authenticate('XOAUTH2', response, '')).reply.code).toBe(535);
    await dialogue.startTls(authority.certificate);
    expect((await dialogue.command('EHLO test')).lines).toContain('AUTH XOAUTH2');
    expect(await codeOf(`MAIL FROM:<${account}>`)).toBe(535);
    expect((await dialogue.authenticate('XOAUTH2', response, '')).reply.code).toBe(235);
    expect(await codeOf(`MAIL FROM:<${account}>`)).toBe(250);
    good.clear();
    expect(await codeOf(`MAIL FROM:<${account}>`)).toBe(535);
    expect(await codeOf('RCPT TO:<b@storm.test>')).toBe(503);
    await dialogue.quit();
  });
});
