// @ts-check
/** How much memory it takes: the most that large messages cost, and what clients cost that only stay connected. */
import { setTimeout as sleep } from 'node:timers/promises';
import { whyAbsent } from '../contenders.js';
import { atMost, atMostTimes } from '../demands.js';
import { memoryMB } from '../machine.js';
import { holdIdle } from '../native.js';
import { relays, throughFresh, twentyOf } from './scenario.js';

/** @typedef {import('./scenario.js').Bench} Bench */
/** @typedef {import('./scenario.js').Scenario} Scenario */

const idleClients = 2_000;
/** For what was only needed to accept the connections to be given back. */
const settleMs = 500;

/** @type {Scenario[]} */
export const memory = [
  {
    id: 'peak-25-mib',
    runs: throughFresh(relays, twentyOf(25)),
    figures: [
      {
        title: 'peak RSS, 20 messages of 25 MiB at once',
        unit: 'MB',
        of: 'peakMB',
        demands: [atMost(100, 'MB')],
      },
    ],
  },
  {
    id: 'peak-100-mib',
    runs: [
      ...throughFresh(['mailbearer'], twentyOf(25)).map((run) => ({ ...run, name: 'messages of 25 MiB' })),
      ...throughFresh(['mailbearer'], twentyOf(100)),
    ],
    figures: [
      {
        title: 'peak RSS, 20 messages of 100 MiB at once',
        unit: 'MB',
        of: 'peakMB',
        // "No more" than with smaller ones, but for the noise of a garbage collector.
        demands: [atMost(100, 'MB'), atMostTimes(1.1, 'messages of 25 MiB')],
      },
    ],
  },
  {
    id: 'idle',
    runs: relays.map((name) => ({
      name,
      whyAbsent: () => whyAbsent(name),
      measure: (bench) => measureIdle(bench, name),
    })),
    figures: [
      { title: 'RSS after the start', unit: 'MB', of: 'startMB' },
      { title: `RSS with ${idleClients} idle clients`, unit: 'MB', of: 'idleMB' },
      {
        title: `memory per idle client, at ${idleClients}`,
        unit: 'kB',
        of: 'perClientKB',
        demands: [atMost(15, 'kB')],
      },
    ],
  },
];

/** @param {Bench} bench @param {import('./scenario.js').ContenderName} name */
function measureIdle(bench, name) {
  return bench.afresh(name, async ({ pid, portTo }) => {
    if (pid === undefined) throw new Error(`${name} has no process`);
    await sleep(settleMs);
    const startMB = memoryMB(pid).resident;
    const clients = await holdIdle(portTo('plain'), idleClients);
    try {
      await sleep(settleMs);
      const idleMB = memoryMB(pid).resident;
      return { startMB, idleMB, perClientKB: ((idleMB - startMB) * 1000) / idleClients };
    } finally {
      await clients.stop();
    }
  });
}
