// @ts-check
/** All scenarios, in the order of the report. Adding one is adding it here. */
import { memory } from './memory.js';
import { largeMessages, smallMessages } from './throughput.js';
import { distance, postfix, tls } from './upstream.js';

/** @param {{ hasTls: boolean }} sinks @returns {import('./scenario.js').Scenario[]} */
export function allScenarios(sinks) {
  return [...smallMessages, ...largeMessages, ...memory, tls(sinks), ...distance, ...postfix(sinks)];
}
