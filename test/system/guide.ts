/**
 * What the pages in docs/guides say, tried: the blocks of a page as they stand there, with the port and the account
 * of the tests in place of 2525 and you@gmail.com, and a relay with its provider to try them on.
 */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { markedBlock } from '../support/markdown.js';
import { freePort } from '../support/process.js';
import { type MailService, startMailService } from './mail-service.js';
import { prepareRelay, type Relay } from './relay.js';

export const alice = 'alice@example.test';
export const bob = 'bob@example.test';
export const inbox = 'inbox@example.test';

/** What to put in the place of what stands on a page. */
export type Changes = Readonly<Record<string, string>>;

/** The block of a page between two marks, with `changes` made in it, in their order. */
export async function blockOf(page: string, mark: string, changes: Changes = {}): Promise<string> {
  const path = fileURLToPath(new URL(`../../docs/guides/${page}.md`, import.meta.url));
  return Object.entries(changes).reduce(
    (text, [there, here]) => text.replaceAll(there, here),
    markedBlock(await readFile(path, 'utf8'), mark),
  );
}

/** The blocks of the pages, for the relay's port and alice, with `changes` made before. */
export interface Pages {
  block(page: string, mark: string, changes?: Changes): Promise<string>;
  /** The same as JSON: a part of the configuration. */
  json(page: string, mark: string, changes?: Changes): Promise<object>;
}

export interface Scene extends Pages {
  readonly service: MailService;
  readonly relay: Relay;
  /** Waits for the next message in the inbox while `send` is done. */
  arrival(send: () => Promise<unknown>): Promise<string>;
}

/** A relay for the accounts of alice and bob, running, with what a page may add to its configuration. */
export async function startScene(
  configure: (pages: Pages, service: MailService) => Promise<object> = async () => ({}),
): Promise<Scene> {
  const service = await startMailService({ accounts: [alice, bob], recipients: [alice, inbox] });
  const port = await freePort();
  const block: Pages['block'] = (page, mark, changes) =>
    blockOf(page, mark, { ...changes, '2525': String(port), 'you@gmail.com': alice });
  const json: Pages['json'] = async (...of) => JSON.parse(await block(...of)) as object;
  const relay = await prepareRelay(service, {
    port,
    config: { ...(await configure({ block, json }, service)) },
  });
  await relay.signIn(alice, bob);
  await relay.start();
  return {
    service,
    relay,
    block,
    json,
    async arrival(send) {
      const known = (await service.server.messages(inbox)).length;
      await send();
      return (await service.server.nextMessage(inbox, known)).toString('latin1');
    },
  };
}
