/**
 * Each of many has a time at which it is called, and all together have one timer: thousands of timers would take more
 * memory than what they are for. A heap with the next one first, so that coming and going cost the same however many
 * there are.
 */
import type { Clock, Timer } from '../core/clock.js';

export interface Appointment {
  /** Milliseconds since the epoch; not to be changed while it stands in an agenda. */
  dueAt: number;
  /** Where it stands in the agenda, which keeps that; -1: not there. */
  position: number;
  /** Its time has come, and it is not there any more. */
  due(): void;
}

/** Timers do not run while a machine sleeps, so none is longer. */
const longestSleepMs = 300_000;

export class Agenda {
  readonly #clock: Clock;
  readonly #heap: Appointment[] = [];
  #timer: Timer | undefined;
  #wakesAt = Infinity;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(appointment: Appointment): void {
    this.#rise(appointment, this.#heap.length);
    this.#sleep();
  }

  /** Harmless where it is not there. */
  remove(appointment: Appointment): void {
    const { position } = appointment;
    if (position < 0) return;
    appointment.position = -1;
    const last = this.#heap.pop()!;
    if (this.#heap.length === 0) this.#rest();
    if (last === appointment) return;
    if (last.dueAt < appointment.dueAt) this.#rise(last, position);
    else this.#sink(last, position);
  }

  /** Towards the first, from `position` on, which is free. */
  #rise(appointment: Appointment, position: number): void {
    let at = position;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = this.#heap[parent]!;
      if (above.dueAt <= appointment.dueAt) break;
      this.#place(above, at);
      at = parent;
    }
    this.#place(appointment, at);
  }

  /** Towards the last, from `position` on, which is free. */
  #sink(appointment: Appointment, position: number): void {
    let at = position;
    for (;;) {
      const left = this.#heap[2 * at + 1];
      const right = this.#heap[2 * at + 2];
      const next = right !== undefined && right.dueAt < left!.dueAt ? right : left;
      if (next === undefined || next.dueAt >= appointment.dueAt) break;
      const { position: below } = next;
      this.#place(next, at);
      at = below;
    }
    this.#place(appointment, at);
  }

  #place(appointment: Appointment, position: number): void {
    this.#heap[position] = appointment;
    appointment.position = position;
  }

  /** Until the first is due, unless that is so already. */
  #sleep(): void {
    const first = this.#heap[0];
    if (first === undefined || first.dueAt >= this.#wakesAt) return;
    const waitMs = Math.min(Math.max(first.dueAt - this.#clock.now(), 0), longestSleepMs);
    this.#timer?.cancel();
    this.#wakesAt = first.dueAt;
    this.#timer = this.#clock.setTimer(waitMs, () => this.#wake(), { unref: true });
  }

  #rest(): void {
    this.#timer?.cancel();
    this.#wakesAt = Infinity;
  }

  #wake(): void {
    this.#wakesAt = Infinity;
    for (let first = this.#heap[0]; first !== undefined; first = this.#heap[0]) {
      if (first.dueAt > this.#clock.now()) break;
      this.remove(first);
      first.due();
    }
    this.#sleep();
  }
}
