/**
 * Programs other than Postfix that hand their mail to the relay: what cron jobs, scripts and devices use. The
 * upstream is the same, and so is the demand: every byte arrives.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { run } from '../support/process.js';
import { type MailService, startMailService } from './mail-service.js';
import { asStored, compose, takeApart } from './message.js';
import { prepareRelay, type Relay } from './relay.js';
import { programsMissing } from './requirements.js';

const alice = 'alice@example.test';
const inbox = 'inbox@example.test';

describe.skipIf(programsMissing('curl', 'msmtp', 'swaks'))('other programs that submit to the relay', () => {
  const message = compose('from a script', ['.dots.', '..', '', 'caf\xe9', 'end', ''].join('\r\n'));
  let service: MailService;
  let relay: Relay;
  let messageFile: string;

  beforeAll(async () => {
    service = await startMailService({ accounts: [alice], recipients: [inbox] });
    relay = await prepareRelay(service);
    await relay.signIn(alice);
    await relay.start();
    messageFile = join(service.directory, 'message.eml');
    // Swaks adds a line end without looking whether there is one; the others add it when it lacks.
    await writeFile(messageFile, message.subarray(0, -2));
  });

  const clients = {
    curl: () => [
      `smtp://127.0.0.1:${relay.port}/client.test`,
      ...[
        '--silent',
        '--show-error',
        '--mail-from',
        alice,
        '--mail-rcpt',
        inbox,
        '--upload-file',
        messageFile,
      ],
    ],
    swaks: () => [
      ...['--server', `127.0.0.1:${relay.port}`, '--helo', 'client.test', '--from', alice, '--to', inbox],
      ...['--no-strip-from', '--suppress-data', '--data', `@${messageFile}`],
    ],
  } as const;

  for (const [program, args] of Object.entries(clients)) {
    it(`takes a message from ${program}`, async () => {
      const known = (await service.server.messages(inbox)).length;
      await run(program, args());
      expect(takeApart(await service.server.nextMessage(inbox, known)).message).toBe(asStored(message));
    });
  }

  it('takes a message from msmtp in the part of sendmail', async () => {
    const known = (await service.server.messages(inbox)).length;
    const options = `--host=127.0.0.1 --port=${relay.port} --from=${alice}`;
    await run('sh', ['-c', `tr -d '\\r' < "$0" | msmtp ${options} -- ${inbox}`, messageFile]);
    expect(takeApart(await service.server.nextMessage(inbox, known)).message).toBe(asStored(message));
  });
});
