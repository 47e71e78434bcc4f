/**
 * How the storm's sink behaves: mostly well, and at each stage now and then badly, in every way that a message must
 * survive. No refusal is for good (5yz), so that every message has to arrive; no silence is longer than a time-out.
 */
import type { Random } from '../random.js';
import { type Act, behave, type Stage } from '../sink.js';

type Trouble = (random: Random) => Act;

const refuse: Trouble = (random) => ({
  kind: 'say',
  text: random.pick([
    '450 4.2.1 Not now\r\n',
    '451-4.3.0 Something\r\n451 4.3.0 is wrong\r\n',
    '452 4.3.1 Full\r\n',
  ]),
});
const sayGoodbye: Trouble = () => ({ kind: 'say', text: '421 4.3.2 Leaving\r\n', then: 'close' });
const reset: Trouble = () => ({ kind: 'reset' });
const close: Trouble = () => ({ kind: 'close' });
const drop: Trouble = () => ({ kind: 'drop' });
const wait: Trouble = (random) => ({ kind: 'wait', ms: random.between(10, 1500) });
const stall: Trouble = (random) => ({ kind: 'wait', ms: random.between(10, longestStallMs) });
const drip: Trouble = (random) => ({ kind: 'drip', ms: random.between(1, 10) });

/** How long the sink may be deaf, even to the end of a connection. */
export const longestStallMs = 300;

const anything = [refuse, sayGoodbye, reset, close, wait, drip];

/** How often, and what. Sessions are begun more seldom than messages, and end with each kill. */
const troubles: Readonly<Record<Stage, { readonly chance: number; readonly ways: readonly Trouble[] }>> = {
  greeting: { chance: 0.1, ways: anything },
  ehlo: { chance: 0.05, ways: anything },
  starttls: { chance: 0.05, ways: anything },
  auth: { chance: 0.05, ways: anything },
  mail: { chance: 0.03, ways: anything },
  rcpt: { chance: 0.03, ways: anything },
  data: { chance: 0.03, ways: anything },
  body: { chance: 0.05, ways: [refuse, sayGoodbye, reset, close, stall] },
  end: { chance: 0.15, ways: [...anything, drop] },
  // Not a reset: it could overtake the reply to the message before.
  idle: { chance: 0.03, ways: [sayGoodbye, close] },
  other: { chance: 0.03, ways: anything },
};

export function stormyMood(random: Random): (stage: Stage) => Act {
  return (stage) => {
    const { chance, ways } = troubles[stage];
    return random.chance(chance) ? random.pick(ways)(random) : behave;
  };
}
