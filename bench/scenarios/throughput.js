// @ts-check
/** How much goes through: small messages in several kinds of session, and large ones. */
import { atLeastTimes, atMostMore, atMostTimes } from '../demands.js';
import { cpu, everyone, MiB, passes, relays, through, throughFresh, twentyOf } from './scenario.js';

/** @typedef {import('./scenario.js').Scenario} Scenario */

/** @type {Scenario[]} */
export const smallMessages = [
  {
    id: 'kept-10',
    passes,
    runs: through(everyone, (bench) => ({ messages: bench.count(8_000) })),
    figures: [
      {
        title: '1 KiB, 10 kept sessions',
        unit: 'messages/s',
        of: 'messagesPerSecond',
        demands: [atLeastTimes(0.9, 'pipe'), atLeastTimes(0.6, 'haproxy')],
      },
      {
        title: 'latency p50, 1 KiB, 10 kept sessions',
        unit: 'ms',
        of: 'p50Ms',
        demands: [atMostMore(0.25, 'ms', 'direct')],
      },
      { title: 'latency p99, 1 KiB, 10 kept sessions', unit: 'ms', of: 'p99Ms' },
      cpu('1 KiB'),
    ],
  },
  {
    id: 'kept-200',
    passes,
    runs: through(everyone, (bench) => ({ sessions: 200, messages: bench.count(12_000) })),
    figures: [
      {
        title: '1 KiB, 200 kept sessions',
        unit: 'messages/s',
        of: 'messagesPerSecond',
        demands: [atLeastTimes(0.9, 'pipe')],
      },
    ],
  },
  {
    id: 'new-sessions',
    passes,
    runs: through(everyone, (bench) => ({ kept: 0, messages: bench.count(2_000) })),
    figures: [
      {
        title: '1 KiB, a new session for each, 10 at once',
        unit: 'messages/s',
        of: 'messagesPerSecond',
        demands: [atLeastTimes(1.5, 'pipe')],
      },
    ],
  },
  {
    id: 'lock-step',
    runs: through(everyone, (bench) => ({ pipelined: 0, messages: bench.count(5_000) })),
    figures: [
      { title: '1 KiB, waiting for each reply, 10 sessions', unit: 'messages/s', of: 'messagesPerSecond' },
    ],
  },
];

/** @type {Scenario[]} */
export const largeMessages = [
  bulk('10-kib', '10 KiB messages', 10 * 1024, 5_000),
  bulk('1-mib', '1 MiB messages', MiB, 400),
  {
    id: '25-mib',
    runs: throughFresh(everyone, twentyOf(25)),
    figures: [
      {
        title: '20 messages of 25 MiB at once',
        unit: 'MB/s',
        of: 'megabytesPerSecond',
        demands: [atLeastTimes(0.8, 'pipe')],
      },
    ],
  },
  {
    id: 'dots',
    passes,
    runs: through(relays, (bench) => ({ size: MiB, dots: 1, messages: bench.count(100) })),
    figures: [{ ...cpu('1 MiB of dotted lines'), demands: [atMostTimes(6, 'pipe')] }],
  },
];

/**
 * @param {string} id
 * @param {string} what
 * @param {number} size
 * @param {number} messages
 * @returns {Scenario}
 */
function bulk(id, what, size, messages) {
  return {
    id,
    passes,
    runs: through(everyone, (bench) => ({ size, messages: bench.count(messages) })),
    figures: [
      {
        title: `${what}, 10 sessions`,
        unit: 'MB/s',
        of: 'megabytesPerSecond',
        demands: [atLeastTimes(0.8, 'pipe')],
      },
      cpu(what),
    ],
  };
}
