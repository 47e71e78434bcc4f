/** Standard input as a terminal, of which only what a test needs is there. */
import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { Input, type InputStream } from '../../src/cli/input.js';

test('there is no echo any more when the question is shown, and again after the answer', async () => {
  const happened: string[] = [];
  const keyboard = Object.assign(new PassThrough(), {
    isTTY: true,
    setRawMode: (raw: boolean) => void happened.push(raw ? 'no echo' : 'echo'),
  });
  const input = new Input(keyboard as unknown as InputStream);
  const answer = await input.hiddenLine(() => {
    happened.push('question');
    keyboard.write('typed at once\r');
  });
  expect(answer).toBe('typed at once');
  expect(happened).toEqual(['no echo', 'question', 'echo']);
});
