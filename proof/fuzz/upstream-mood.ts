/**
 * Upstream servers that break down in every way and talk nonsense. An unruly one is honest all the same: it never
 * says more replies than it was asked for, so that a 2yz after a message means that the message was accepted. What a
 * lying one says means nothing, and no relay could tell.
 */
import type { Random } from '../random.js';
import { type Act, behave, type Stage } from '../sink.js';
import { serverReplies } from './corpus.js';
import { mutate } from './mutate.js';

export type Honesty = 'unruly' | 'lying';

const wholeReply = /^[2-5]\d\d(?: [^\n]*)?\r\n/gm;
const positiveReply = /^[23]/m;

/** @param trouble the probability of it, at each stage */
export function badMood(honesty: Honesty, trouble: number, random: Random): (stage: Stage) => Act {
  return (stage) => {
    if (!random.chance(trouble)) return behave;
    switch (random.below(8)) {
      case 0:
        return { kind: 'reset' };
      case 1:
        return { kind: 'close' };
      case 2:
        return { kind: 'wait', ms: random.below(50) };
      case 3:
        return { kind: 'drip', ms: random.below(2) };
      case 4:
        return stage === 'end' ? { kind: 'drop' } : { kind: 'say', text: '' };
      default:
        return misspeak(stage, honesty, random);
    }
  };
}

function misspeak(stage: Stage, honesty: Honesty, random: Random): Act {
  const text = random.chance(0.3) ? random.pick(serverReplies) : mutate(serverReplies, random);
  const then = random.pick([undefined, 'close', 'reset'] as const);
  const act: Act = { kind: 'say', text, ...(then && { then }) };
  if (honesty === 'lying' || isHonest(stage, text)) return act;
  return { kind: 'say', text: '421 4.3.2 Leaving\r\n', then: 'close' };
}

/** In mid-message and in idleness nobody asked for a reply; one that looks like a success would be taken for the next. */
function isHonest(stage: Stage, text: string): boolean {
  if (stage === 'idle') return false;
  if (stage === 'body' && positiveReply.test(text)) return false;
  return (text.match(wholeReply)?.length ?? 0) <= 1;
}
