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

/** The blocks of the pages. */
export interface Pages {
  /** The one between two marks, `changes` made in it. */
  block(page: string, mark: string, changes?: Readonly<Record<string, string>>): Promise<string>;
  /** The same as JSON: a part of the configuration. */
  json(page: string, mark: string, changes?: Readonly<Record<string, string>>): Promise<object>;
}

export interface Scene extends Pages {
  readonly service: MailService;
  readonly relay: Relay;
  /** Waits for the next message in the inbox while `send` is done. */
  arrival(send: () => Promise<unknown>): Promise<string>;
}

/** A relay for the accounts of alice and bob, running, with what a page may add to its configuration. */
export async function startScene(
  configure: (pages: Pages) => Promise<object> = async () => ({}),
): Promise<Scene> {
  const service = await startMailService({ accounts: [alice, bob], recipients: [alice, inbox] });
  const port = await freePort();
  const block: Pages['block'] = async (page, mark, changes = {}) => {
    const path = fileURLToPath(new URL(`../../docs/guides/${page}.md`, import.meta.url));
    const all = { ...changes, '2525': String(port), 'you@gmail.com': alice };
    return Object.entries(all).reduce(
      (text, [there, here]) => text.replaceAll(there, here),
      markedBlock(await readFile(path, 'utf8'), mark),
    );
  };
  const json: Pages['json'] = async (...of) => JSON.parse(await block(...of)) as object;
  const relay = await prepareRelay(service, { port, config: { ...(await configure({ block, json })) } });
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
