/** Where a refresh can be killed, and in which order it is: every place once before any comes again. */
import type { Random } from '../random.js';
import { type Stage, stages } from './desk.js';

/** What refreshes: the command that a person runs, and the daemon. */
export const programs = ['refresh', 'serve'] as const;
export type Program = (typeof programs)[number];

export const moments = ['before', 'during', 'after'] as const;

export type Place =
  | { readonly at: 'step'; readonly number: number; readonly moment: (typeof moments)[number] }
  | { readonly at: 'stage'; readonly stage: Stage }
  /** Wherever it is by then; in shares of the time that a whole refresh takes. */
  | { readonly at: 'time'; readonly share: number };

export interface Death {
  readonly program: Program;
  readonly place: Place;
}

/** For each program, beside the places that are known. */
const momentsOfChance = 20;

/** All places of a program that goes through so many steps. */
export function placesOf(program: Program, steps: number, random: Random): Death[] {
  const places: Place[] = stages.map((stage) => ({ at: 'stage', stage }));
  for (let number = 1; number <= steps; number++)
    for (const moment of moments) places.push({ at: 'step', number, moment });
  for (let count = 0; count < momentsOfChance; count++) places.push({ at: 'time', share: random.next() });
  return places.map((place) => ({ program, place }));
}

/** Without end. */
export function* inTurn(deaths: readonly Death[], random: Random): Generator<Death, never> {
  for (;;) {
    const rest = [...deaths];
    while (rest.length > 0) yield rest.splice(random.below(rest.length), 1)[0]!;
  }
}

export function describeDeath({ program, place }: Death): string {
  switch (place.at) {
    case 'step':
      return `${program}, killed ${place.moment} step ${place.number}`;
    case 'stage':
      return `${program}, killed when the provider had ${place.stage}`;
    case 'time':
      return `${program}, killed after ${Math.round(place.share * 100)} % of the time`;
  }
}
