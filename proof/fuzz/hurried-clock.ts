/** A clock that runs faster than the world: the relay's time-outs of minutes come within seconds, in their order. */
import { type Clock, systemClock } from '../../src/core/clock.js';

export function hurriedClock(factor: number): Clock {
  return {
    now: () => systemClock.now(),
    monotonic: () => systemClock.monotonic() * factor,
    setTimer: (delayMs, fire, options) => systemClock.setTimer(delayMs / factor, fire, options),
  };
}
