import * as fc from 'fast-check';
import { expect, it, test } from 'vitest';
import { Agenda, type Appointment } from '../../src/refresh/agenda.js';
import { VirtualClock } from '../support/virtual-clock.js';

const start = 1.9e12;

function appointment(afterMs: number, due: (kept: Appointment) => void): Appointment {
  const one: Appointment = { dueAt: start + afterMs, position: -1, due: () => due(one) };
  return one;
}

test('property: each that was not taken back is called once its time has come, in the order of their times', async () => {
  const plans = fc.array(
    fc.record({ afterMs: fc.integer({ min: -1_000, max: 1_000_000 }), isTakenBack: fc.boolean() }),
    { maxLength: 60, size: 'max' },
  );
  await fc.assert(
    fc.asyncProperty(plans, async (plan) => {
      const clock = new VirtualClock(start);
      const agenda = new Agenda(clock);
      const called: { dueAt: number; at: number }[] = [];
      const all = plan.map(({ afterMs, isTakenBack }) => {
        const one = appointment(afterMs, ({ dueAt }) => called.push({ dueAt, at: clock.now() }));
        agenda.add(one);
        return { one, isTakenBack };
      });
      const kept = all.flatMap(({ isTakenBack, one }) => (isTakenBack ? (agenda.remove(one), []) : [one]));
      await clock.advance(1_000_000);
      const wanted = kept.map(({ dueAt }) => dueAt).toSorted((one, other) => one - other);
      expect(called.map(({ dueAt }) => dueAt)).toEqual(wanted);
      expect(called.every(({ at, dueAt }) => at === Math.max(dueAt, start))).toBe(true);
    }),
    { numRuns: 60 },
  );
});

it('calls nobody before it has returned, and has no timer when it is empty', async () => {
  const clock = new VirtualClock(start);
  const agenda = new Agenda(clock);
  const called: number[] = [];
  const late = appointment(-5, () => called.push(-5));
  agenda.add(late);
  expect(called).toEqual([]);
  await clock.advance(0);
  expect(called).toEqual([-5]);
  const later = appointment(5_000, () => called.push(5_000));
  agenda.add(later);
  agenda.add(late);
  agenda.remove(late);
  agenda.remove(later);
  expect(clock.nextTimerMs).toBeUndefined();
});

it('looks every five minutes, because timers stand still while a machine sleeps', () => {
  const clock = new VirtualClock(start);
  new Agenda(clock).add(appointment(3_600_000, () => undefined));
  expect(clock.nextTimerMs).toBe(300_000);
});
