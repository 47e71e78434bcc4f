/** Whether the storm's book-keeping would notice. */
import { describe, expect, it } from 'vitest';
import { type Kill, Ledger, type Verdict } from '../../proof/storm/ledger.js';
import { composeMessage } from '../../proof/storm/message.js';
import { readAttempts } from '../../proof/storm/postfix-log.js';
import { Random } from '../../proof/random.js';
import type { SunkMessage } from '../../proof/sink.js';

const to = '7.0@storm.test';
const data = `${composeMessage(7, new Random(1)).toString('latin1').replaceAll('\r\n.', '\r\n..')}.\r\n`;

function arrival(changes: Partial<SunkMessage> = {}, closedAt?: number): SunkMessage {
  return {
    id: '1.1',
    connection: { number: 1, closedAt },
    mail: 'MAIL FROM:<storm@storm.test>',
    recipients: [`RCPT TO:<${to}>`],
    data,
    outcome: 'accepted',
    answer: 'given',
    ...changes,
  };
}

const lostReply = `Nov 22 08:00:00 storm postfix/smtp[1]: 4AB: to=<${to}>, relay=127.0.0.1[127.0.0.1]:25, delay=1, dsn=4.4.2, status=deferred (lost connection with 127.0.0.1[127.0.0.1] while sending end of data -- message may be sent more than once)`;
const refused = `Nov 22 08:00:00 storm postfix/smtp[1]: 4AB: to=<${to}>, relay=127.0.0.1[127.0.0.1]:25, delay=1, dsn=4.4.2, status=deferred (host 127.0.0.1[127.0.0.1] said: 451 4.4.2 gone (in reply to end of DATA command))`;
const bounced = `Nov 22 08:00:00 storm postfix/smtp[1]: 4AB: to=<${to}>, relay=127.0.0.1[127.0.0.1]:25, delay=1, dsn=5.0.0, status=bounced (host 127.0.0.1[127.0.0.1] said: 550 no)`;

function verdictOn(
  arrivals: readonly SunkMessage[],
  log: readonly string[] = [],
  kills: readonly Kill[] = [],
): Verdict {
  const ledger = new Ledger();
  ledger.submitted(7, [to]);
  for (const message of arrivals) ledger.received(message);
  return ledger.judge(readAttempts(log.join('\n')), kills);
}

const dropped = arrival({ answer: 'withheld' });
const unpassed = arrival({}, 1000);
const kill = { from: 995, to: 1005 };

describe('the ledger of a storm', () => {
  it('is content with a message that arrived once', () => {
    expect(verdictOn([arrival()])).toEqual({
      faults: [],
      deliveries: 1,
      duplicatesByDrop: 0,
      duplicatesByKill: 0,
    });
  });

  it('counts the duplicates that had to be', () => {
    expect(verdictOn([dropped, arrival()], [refused])).toMatchObject({ faults: [], duplicatesByDrop: 1 });
    expect(verdictOn([unpassed, arrival()], [lostReply], [kill])).toMatchObject({
      faults: [],
      duplicatesByKill: 1,
    });
    expect(verdictOn([unpassed, dropped, arrival()], [lostReply, refused], [kill])).toMatchObject({
      faults: [],
      duplicatesByDrop: 1,
      duplicatesByKill: 1,
    });
  });

  it.each<[string, Verdict, RegExp]>([
    ['a lost message', verdictOn([]), /never acknowledged/],
    ['one that only seems to have arrived', verdictOn([dropped]), /never acknowledged/],
    [
      'one that was refused',
      verdictOn([arrival({ outcome: 'refused', answer: 'none' })]),
      /never acknowledged/,
    ],
    ['a bounce', verdictOn([arrival()], [bounced]), /bounced: /],
    [
      'an octet too many',
      verdictOn([arrival({ data: data.replace('\r\n\r\n', '\r\n\r\nx') })]),
      /not as it was/,
    ],
    [
      'a truncated message',
      verdictOn([arrival({ data: `${data.slice(0, -20)}\r\n.\r\n` })]),
      /not as it was/,
    ],
    ['a foreign one', verdictOn([arrival({ data: 'Subject: x\r\n\r\n.\r\n' })]), /not as it was/],
    [
      'one for somebody else',
      verdictOn([arrival(), arrival({ recipients: ['RCPT TO:<8.0@storm.test>'] })]),
      /not for 8\.0/,
    ],
    ['a duplicate without a reason', verdictOn([arrival(), arrival()]), /arrived again/],
    ['one of which Postfix knows nothing', verdictOn([dropped, arrival()]), /arrived again/],
    ['one whose session no kill has ended', verdictOn([unpassed, arrival()], [lostReply]), /arrived again/],
    [
      'one after a refusal that the sink never gave',
      verdictOn([unpassed, arrival()], [refused], [kill]),
      /arrived again/,
    ],
  ])('notices %s', (_, { faults }, expected) => {
    expect(faults.join('\n')).toMatch(expected);
  });

  it('takes no notice of a message that was cut off', () => {
    expect(verdictOn([arrival({ outcome: 'cut', answer: 'none', data: 'X-Sto' }), arrival()]).faults).toEqual(
      [],
    );
  });
});
