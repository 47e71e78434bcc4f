/** That what submission servers really say is understood. */
import { describe, expect, it } from 'vitest';
import { adviceForRefusal } from '../../src/relay/refusal-advice.js';
import { usable } from '../accounts/resolved.js';
import { serverWords } from '../support/provider-words.js';

describe('what a submission server says', () => {
  it.each(serverWords)('is explained: $reply', ({ meaning, reply }) => {
    expect(adviceForRefusal(reply)).toContain(meaning);
  });

  it.each([['250 2.0.0 OK'], ['550 5.1.1 No such user'], ['552 5.7.300 too large']])(
    'is left alone where nothing is known: %s',
    (reply) => {
      expect(adviceForRefusal(reply)).toBeUndefined();
    },
  );

  it('names the mailbox and the scope of the account that it happened to', () => {
    const account = usable({
      accounts: { 'me@corp.example': { provider: 'corp', token_file: '/etc/tokens/a@b.example' } },
      providers: {
        corp: { token_endpoint: 'https://id.corp.example/', scope: 'smtp-scope', smtp: { host: 'mx' } },
      },
    });
    expect(
      adviceForRefusal('535 5.7.139 SmtpClientAuthentication is disabled for the Mailbox.', account),
    ).toContain('Set-CASMailbox -Identity me@corp.example -Smtp');
    const bad = '535 5.7.8 Authentication failed';
    expect(adviceForRefusal(bad, account)).toMatch(/sign in as me@corp\.example.* ask for smtp-scope$/);
    expect(adviceForRefusal(bad, account)).not.toContain('google');
  });
});
