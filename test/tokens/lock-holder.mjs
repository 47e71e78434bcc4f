// Child of lock.test.ts: takes the lock of the file named, says so, and holds it until its input ends.
import { systemClock } from '../../dist/core/clock.js';
import { withLock } from '../../dist/tokens/lock.js';

const target = /** @type {string} */ (process.argv[2]);
await withLock(target, { clock: systemClock, random: Math.random }, async () => {
  process.stdout.write('held\n');
  for await (const _ of process.stdin);
});
process.stdout.write('released\n');
