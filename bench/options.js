// @ts-check
/** The command line of the benchmark. */
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

export const usage = `npm run bench -- [options]

  --rounds N       rounds of all scenarios (default 7, with --quick 1)
  --only ID,ID     only these scenarios; "list" lists them, "profile" is the profile
  --quick          a tenth of everything: within a minute, to see that it works
  --json FILE      where the result goes (default bench/results/latest.json)
  --from FILE      report on an earlier result instead of measuring
  --write-docs     make docs/performance.json, .md and .svg of the result
  --program FILE   mailbearer's executable (default bin/mailbearer.js), to compare builds
`;

const path = (/** @type {string} */ name) => fileURLToPath(new URL(name, import.meta.url));

/** @typedef {ReturnType<typeof readOptions>} Options */

/** Throws TypeError with what is wrong. @param {string[]} args */
export function readOptions(args) {
  const { values } = parseArgs({
    args,
    options: {
      rounds: { type: 'string' },
      only: { type: 'string' },
      quick: { type: 'boolean', default: false },
      json: { type: 'string', default: path('results/latest.json') },
      from: { type: 'string' },
      'write-docs': { type: 'boolean', default: false },
      program: { type: 'string', default: path('../bin/mailbearer.js') },
      help: { type: 'boolean', default: false },
    },
  });
  const rounds = Number(values.rounds ?? (values.quick ? 1 : 7));
  if (!Number.isInteger(rounds) || rounds < 1) throw new TypeError('--rounds takes a number from 1 on');
  return { ...values, rounds, only: values.only?.split(','), writeDocs: values['write-docs'] };
}
