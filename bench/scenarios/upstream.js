// @ts-check
/** What lies between relay and upstream: TLS, a distance, and both together with Debian's Postfix in front. */
import { slowRoundTripMs } from '../bench.js';
import { atLeastTimes, atMost } from '../demands.js';
import { PostfixClient, whyNoPlugin, whyNoPostfix } from '../postfix.js';
import { cpu, passes, through } from './scenario.js';

/** @typedef {import('./scenario.js').Bench} Bench */
/** @typedef {import('./scenario.js').Scenario} Scenario */
/** @typedef {import('../postfix.js').Route} Route */

const needsTls = 'the sink has no TLS: apt-get install libssl-dev';

/** @param {{ hasTls: boolean }} sinks @returns {Scenario} */
export function tls({ hasTls }) {
  const load = (/** @type {Bench} */ bench) => ({ messages: bench.count(5_000) });
  return {
    id: 'tls',
    passes,
    runs: [
      ...through(['mailbearer'], load).map((run) => ({ ...run, name: 'plain' })),
      {
        name: 'mailbearer',
        whyAbsent: () => (hasTls ? undefined : needsTls),
        measure: async (bench) => bench.send(await bench.standing('mailbearer', 'tls'), load(bench), 'tls'),
      },
    ],
    figures: [
      {
        title: '1 KiB, TLS upstream, 10 kept sessions, warm',
        unit: 'messages/s',
        of: 'messagesPerSecond',
        demands: [atLeastTimes(0.6, 'plain')],
      },
      cpu('1 KiB, TLS upstream'),
    ],
  };
}

/** @type {Scenario[]} */
export const distance = [roundTrips(1, '1 recipient'), roundTrips(100, '100 recipients')];

/** @param {number} recipients @param {string} what @returns {Scenario} */
function roundTrips(recipients, what) {
  return {
    id: `round-trips-${recipients}`,
    runs: /** @type {const} */ (['direct', 'mailbearer']).map((name) => ({
      name,
      async measure(bench) {
        const load = { sessions: 1, messages: bench.count(20), recipients };
        const { p50Ms } = await bench.send(await bench.standing(name), load, 'slow');
        return { roundTrips: p50Ms / slowRoundTripMs };
      },
    })),
    figures: [
      {
        title: `a message to an upstream ${slowRoundTripMs} ms away, ${what}`,
        unit: 'round trips',
        of: 'roundTrips',
        demands: [atMost(2.1, 'round trips')],
      },
    ],
  };
}

/** Postfix's default_destination_concurrency_limit: it never has more sessions with us than that. */
const postfixConcurrency = 20;

/** @param {{ hasTls: boolean }} sinks @returns {Scenario[]} */
export function postfix({ hasTls }) {
  const missing = () => (hasTls ? whyNoPostfix() : needsTls);
  /** @type {Promise<PostfixClient> | undefined} */
  let started;
  const client = (/** @type {Bench} */ bench) => (started ??= startClient(bench));
  const straight = (/** @type {Route} */ route) => async (/** @type {Bench} */ bench) =>
    (await client(bench)).deliver(route, bench.count(ratedMessages));
  const relayed = (/** @type {number} */ messages) => ({
    name: 'mailbearer',
    whyAbsent: missing,
    measure: async (/** @type {Bench} */ bench) =>
      deliverRelayed(bench, await client(bench), bench.count(messages)),
  });
  const otherDemand =
    whyNoPlugin() === undefined ? atLeastTimes(2, 'sasl-xoauth2') : atLeastTimes(1, 'Postfix without AUTH');
  return [
    {
      id: 'postfix',
      runs: [
        relayed(ratedMessages),
        { name: 'Postfix without AUTH', whyAbsent: missing, measure: straight('straight') },
        { name: 'sasl-xoauth2', whyAbsent: () => missing() ?? whyNoPlugin(), measure: straight('plugin') },
      ],
      figures: [
        {
          title: 'from Postfix to a TLS upstream, 1 KiB',
          unit: 'messages/s',
          of: 'messagesPerSecond',
          demands: [otherDemand],
        },
      ],
    },
    {
      id: 'handshakes',
      once: true,
      runs: [relayed(countedMessages)],
      figures: [handshakeFigure('TLS handshakes', 'handshakes'), handshakeFigure('AUTHs', 'auths')],
    },
  ];
}

const ratedMessages = 1_000;
const countedMessages = 3_000;

/** @param {string} what @param {string} of @returns {import('./scenario.js').Figure} */
function handshakeFigure(what, of) {
  const demands = [atMost(postfixConcurrency, '')];
  return { title: `${what} upstream for ${countedMessages} messages from Postfix`, unit: '', of, demands };
}

/**
 * Through a relay that has no session yet which would save a handshake.
 *
 * @param {Bench} bench
 * @param {PostfixClient} client
 * @param {number} messages
 */
function deliverRelayed(bench, client, messages) {
  const deliver = (/** @type {import('../contenders.js').Contender} */ { expectLogged }) => {
    expectLogged(messages);
    return client.deliver('mailbearer', messages);
  };
  return bench.afresh('mailbearer', deliver, { port: client.relayPort });
}

/** @param {Bench} bench */
async function startClient({ surroundings: { directory, sinks }, teardown }) {
  if (sinks.tls === undefined) throw new Error(needsTls);
  return teardown.add(await PostfixClient.start(directory, sinks.tls));
}
