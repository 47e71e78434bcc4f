/** The last hour, minute by minute. */
import { expect, it } from 'vitest';
import { RelayFigures } from '../../src/relay/figures.js';
import { History, minutesKept } from '../../src/status/history.js';
import { VirtualClock } from '../support/virtual-clock.js';

it('keeps an hour, the last minute of which goes on', async () => {
  const clock = new VirtualClock();
  const history = new History(new RelayFigures(), clock);
  expect(history.minutes).toHaveLength(1);
  await clock.advance(3 * 3_600_000 + 20_000);
  const { minutes } = history;
  expect(minutes).toHaveLength(minutesKept);
  expect(minutes.at(-1)!.at - minutes[0]!.at).toBe((minutesKept - 2) * 60_000 + 20_000);
  history.close();
  expect(clock.nextTimerMs).toBeUndefined();
});
