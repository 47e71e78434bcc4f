// @ts-check
/**
 * `npm run bench`: mailbearer's relay beside what else there is, on this machine, now. Progress goes to stderr, the
 * table to stdout, the result as JSON to a file. A demand that is not met is reported and is no failure; the exit
 * status is 1 when something could not be measured.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { writeDocs } from './docs.js';
import { formatJson } from './format.js';
import { measure } from './measure.js';
import { readOptions, usage } from './options.js';
import { textReport } from './report.js';
import { allScenarios } from './scenarios/index.js';

// Children are stopped when the process exits, which a signal alone would not do.
process.once('SIGINT', () => process.exit(130));

try {
  await main(readOptions(process.argv.slice(2)));
} catch (error) {
  process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}

/** @param {import('./options.js').Options} options */
async function main(options) {
  if (options.help) return process.stdout.write(usage);
  if (options.only?.includes('list')) {
    const ids = allScenarios({ hasTls: true }).map(({ id }) => id);
    return process.stdout.write(`${[...ids, 'profile'].join('\n')}\n`);
  }
  const result = await resultOf(options);
  process.stdout.write(textReport(result));
  if (options.writeDocs) await writeDocs(result);
}

/** @param {import('./options.js').Options} options @returns {Promise<import('./measure.js').Result>} */
async function resultOf(options) {
  const { from, json } = options;
  if (from !== undefined) return JSON.parse(await readFile(from, 'utf8'));
  const result = await measure(options, (line) => process.stderr.write(`${line}\n`));
  await mkdir(dirname(json), { recursive: true });
  await writeFile(json, await formatJson(result));
  return result;
}
