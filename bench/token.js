// @ts-check
/**
 * `npm run bench:token`: how long `mailbearer token ACCOUNT` takes with a fresh file, as a whole process, beside
 * `node -e 0`, on this machine, now. Both are started in turn, so that whatever else the machine does meets both alike;
 * the ratio is the median of the ratios of the pairs. The last two rows say what the quick answer spares. A demand
 * that is not met is reported and is no failure.
 */
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { median } from './demands.js';

const pairs = Number(process.argv[2] ?? 101);
/** The first runs fill the file cache. */
const warmUp = 3;
const demanded = 1.5;
const account = 'me@example.org';
/** As long as an access token of Microsoft's. */
const token = 'A'.repeat(2000);
const binary = fileURLToPath(new URL('../bin/mailbearer.js', import.meta.url));

const directory = await mkdtemp(join(tmpdir(), 'mailbearer-bench-'));
try {
  await main();
} finally {
  await rm(directory, { recursive: true });
}

async function main() {
  const expiry = String(Math.floor(Date.now() / 1000) + 3600);
  const configFile = join(directory, 'config.json');
  await writeFile(
    join(directory, account),
    JSON.stringify({ access_token: token, refresh_token: 'R', expiry }),
  );
  await writeFile(configFile, JSON.stringify({ client_id: 'id', token_dir: directory }));
  const env = { ...process.env, MAILBEARER_CONFIG: configFile };
  const response = Buffer.from(`user=${account}\x01auth=Bearer ${token}\x01\x01`).toString('base64');
  const rows = [
    { name: 'token', args: [binary, 'token', account], says: `${token}\n` },
    { name: 'token --sasl', args: [binary, 'token', '--sasl', 'xoauth2', account], says: `${response}\n` },
    {
      name: 'token --config-file',
      args: [binary, 'token', '--config-file', configFile, account],
      says: `${token}\n`,
    },
    // Naming the file twice keeps the quick answer from being tried.
    {
      name: 'token, the slow way',
      args: [binary, 'token', `--config-file=${configFile}`, `--config-file=${configFile}`, account],
      says: `${token}\n`,
    },
    { name: '--version', args: [binary, '--version'], says: undefined },
  ];
  /** @type {Map<string, { times: number[], ratios: number[] }>} */
  const results = new Map(rows.map(({ name }) => [name, { times: [], ratios: [] }]));
  /** @type {number[]} */
  const bare = [];
  for (let round = -warmUp; round < pairs; round++) {
    for (const { name, args, says } of rows) {
      const base = timed(['-e', '0'], env, '');
      const time = timed(args, env, says);
      if (round < 0) continue;
      bare.push(base);
      results.get(name)?.times.push(time);
      results.get(name)?.ratios.push(time / base);
    }
  }
  process.stdout.write(`Node ${process.version}, medians of ${pairs} pairs, whole processes\n`);
  process.stdout.write(`${row('node -e 0', median(bare))}\n`);
  for (const [name, { ratios, times }] of results)
    process.stdout.write(`${row(name, median(times))}  ${median(ratios).toFixed(2)} x node -e 0\n`);
  for (const { name } of rows.slice(0, 3)) {
    const reached = median(results.get(name)?.ratios ?? []);
    const verdict = reached <= demanded ? 'met' : 'NOT MET';
    process.stdout.write(`${name} at most ${demanded} x node -e 0: ${verdict}\n`);
  }
}

/** Milliseconds from before the start to after the end. Throws unless the command says `says` and ends with 0. */
function timed(
  /** @type {string[]} */ args,
  /** @type {NodeJS.ProcessEnv} */ env,
  /** @type {string | undefined} */ says,
) {
  const startedAt = performance.now();
  const { status, stderr, stdout } = spawnSync(process.execPath, args, { env, encoding: 'utf8' });
  const took = performance.now() - startedAt;
  if (status !== 0 || (says !== undefined && stdout !== says))
    throw new Error(`${args.join(' ')} ended with ${status}: ${stderr || stdout}`);
  return took;
}

function row(/** @type {string} */ name, /** @type {number} */ milliseconds) {
  return `${name.padEnd(20)} ${milliseconds.toFixed(1).padStart(7)} ms`;
}
