// @ts-check
/**
 * `npm run bench:scale`: `serve` with 10, 100, 1,000 and 10,000 token files and a real token endpoint, at rest and while
 * it refreshes, then a week of 10,000 and of 100,000 accounts with a clock that is only counted. The table goes to stdout;
 * with `--write-docs` into docs/scale.md, too. `--quick`: within six minutes, with a tenth of the accounts in the week.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdir, readFile, utimes, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { cpus, loadavg } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { RefreshPace } from '../dist/refresh/pace.js';
import * as schedule from '../dist/refresh/schedule.js';
import { liveFor } from './fleet-life.js';
import { formatMarkdown } from './format.js';
import { temporaryDirectory } from './support.js';

const program = fileURLToPath(new URL('../bin/mailbearer.js', import.meta.url));
const page = new URL('../docs/scale.md', import.meta.url);
const tokenOctets = 1_500;
const tokenLifeSeconds = 3_600;
const pace = /** @type {import('./fleet-life.js').PaceClass} */ (/** @type {unknown} */ (RefreshPace));
const isQuick = process.argv.includes('--quick');
// Node gives back after a minute what a start took.
const settleMs = isQuick ? 15_000 : 90_000;
/** Longer than from one look at all files to the next. */
const idleMs = isQuick ? 35_000 : 120_000;
/** The first ones load what asks a token endpoint. */
const warmUps = 5;
const mostRefreshes = 40;

const load = loadavg()[0] ?? 0;
/** @type {Awaited<ReturnType<typeof measureServe>>[]} */
const life = [];
for (const accounts of [10, 100, 1_000, 10_000]) life.push(await measureServe(accounts));
const weeks = (isQuick ? [1_000, 10_000] : [10_000, 100_000]).map(measureWeek);
const perMinuteOfEach = Math.max(...weeks.map(({ accounts, mean }) => mean / accounts));
const text = report();
process.stdout.write(text);
if (process.argv.includes('--write-docs')) await writeDocs();

/** @param {number} accounts */
async function measureServe(accounts) {
  process.stderr.write(`serve with ${accounts} accounts\n`);
  let requests = 0;
  const endpoint = createServer((request, response) => {
    request.resume().on('end', () => {
      requests++;
      const answer = {
        access_token: 'n'.repeat(tokenOctets),
        token_type: 'Bearer',
        expires_in: tokenLifeSeconds,
      };
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
    });
  });
  endpoint.listen(0, '127.0.0.1');
  await once(endpoint, 'listening');
  const { port } = /** @type {import('node:net').AddressInfo} */ (endpoint.address());
  const directory = await temporaryDirectory();
  try {
    const tokens = join(directory.path, 'tokens');
    await mkdir(tokens, { mode: 0o700 });
    // Old and new, and none that is due before the end.
    for (let number = 0; number < accounts; number++)
      await writeToken(tokens, number, tokenLifeSeconds * (1 - (0.3 * (number + 0.5)) / accounts));
    const config = join(directory.path, 'config.json');
    const tokenEndpoint = `http://127.0.0.1:${port}/token`;
    await writeFile(
      config,
      JSON.stringify({
        client_id: 'bench',
        token_endpoint: tokenEndpoint,
        providers: {
          bench: { token_endpoint: tokenEndpoint, smtp: { host: '127.0.0.1', port: 2587, tls: 'none' } },
        },
        token_dir: tokens,
        state_dir: directory.path,
        relay: { listen: '127.0.0.1:0' },
      }),
    );
    const startedAt = performance.now();
    const args = ['serve', '--config-file', config, '--log-format', 'json'];
    const serve = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    const output = { text: '' };
    for (const stream of [serve.stdout, serve.stderr])
      stream.on('data', (chunk) => (output.text = (output.text + String(chunk)).slice(-1_000_000)));
    try {
      await until(() => output.text.includes('"msg":"listening"'), 120_000);
      const readyMs = performance.now() - startedAt;
      await sleep(settleMs);
      const cpuBefore = cpuMs(serve.pid);
      await sleep(idleMs);
      const idlePercent = (100 * (cpuMs(serve.pid) - cpuBefore)) / idleMs;
      const rssMB = memoryMB(serve.pid, 'VmRSS');
      const mostMB = memoryMB(serve.pid, 'VmHWM');
      /** Has these tokens refreshed, which are about to expire; each is noticed first. @param {number} first @param {number} count */
      const refresh = async (first, count) => {
        const wanted = requests + count;
        for (let number = first; number < first + count; number++) await writeToken(tokens, number, 60);
        if (!(await until(() => requests >= wanted, 120_000))) throw new Error(`only ${requests} refreshes`);
        await sleep(1_000);
      };
      await refresh(0, warmUps);
      const [cpuAtFirst, count] = [cpuMs(serve.pid), Math.min(mostRefreshes, accounts - warmUps - 1)];
      await refresh(warmUps, count);
      const refreshMs = (cpuMs(serve.pid) - cpuAtFirst) / count;
      const changedAt = performance.now();
      output.text = '';
      await writeFile(join(tokens, nameOf(accounts - 1)), 'no token');
      const isNoticed = await until(() => output.text.includes('cannot be used'), 30_000);
      const noticedMs = isNoticed ? performance.now() - changedAt : Infinity;
      return { accounts, readyMs, rssMB, mostMB, idlePercent, refreshMs, noticedMs };
    } finally {
      serve.kill('SIGTERM');
      if (serve.exitCode === null) await once(serve, 'exit');
    }
  } finally {
    endpoint.close();
    endpoint.closeAllConnections();
    await directory.remove();
  }
}

/** @param {number} number */
function nameOf(number) {
  return `user${number}@scale.test`;
}

/** @param {string} directory @param {number} number @param {number} leftSeconds */
async function writeToken(directory, number, leftSeconds) {
  const token = {
    access_token: 'x'.repeat(tokenOctets),
    refresh_token: `refresh-${number}`,
    expiry: String(Math.floor(Date.now() / 1000 + leftSeconds)),
  };
  const file = join(directory, nameOf(number));
  await writeFile(file, JSON.stringify(token), { mode: 0o600 });
  const issuedAt = Date.now() / 1000 - (tokenLifeSeconds - leftSeconds);
  await utimes(file, issuedAt, issuedAt);
}

/** @param {() => boolean} holds @param {number} patienceMs */
async function until(holds, patienceMs) {
  const giveUpAt = performance.now() + patienceMs;
  while (!holds() && performance.now() < giveUpAt) await sleep(5);
  return holds();
}

/** In ticks of a hundredth of a second. @param {number | undefined} pid */
function cpuMs(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

/** @param {number | undefined} pid @param {'VmRSS' | 'VmHWM'} which */
function memoryMB(pid, which) {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const [, kilobytes] = new RegExp(`${which}:\\s+(\\d+)`).exec(status) ?? [];
  return (Number(kilobytes) * 1024) / 1e6;
}

/** With an outage in the middle. @param {number} accounts */
function measureWeek(accounts) {
  process.stderr.write(`a week of ${accounts} accounts\n`);
  const before = process.cpuUsage();
  const { late, mean, minutes, requests } = liveFor({
    ...{ accounts, hours: 168, start: 'together', outage: [84, 85] },
    ...{ random: Math.random, RefreshPace: pace, schedule },
  });
  const { system, user } = process.cpuUsage(before);
  const seconds = (system + user) / 1e6;
  return { accounts, late, mean, worst: Math.max(...minutes), requests, seconds };
}

function report() {
  const count = (/** @type {number} */ value) => Math.round(value).toLocaleString('en-US');
  const lines = [
    `Measured on ${new Date().toISOString().slice(0, 10)}: ${cpus().length} cores of ${cpus()[0]?.model.trim()}, Node ${process.version.slice(1)}; load at the start ${load.toFixed(1)}.`,
    '',
    '| accounts | start to ready | memory | at most | idle CPU | for a refresh | refreshes a minute | CPU with them | a change is noticed in |',
    '| --- | --- | --- | --- | --- | --- | --- | --- | --- |',
    ...life.map(({ accounts, readyMs, rssMB, mostMB, idlePercent, refreshMs, noticedMs }) => {
      const perMinute = perMinuteOfEach * accounts;
      const allPercent = idlePercent + (refreshMs * perMinute) / 600;
      return `| ${count(accounts)} | ${(readyMs / 1000).toFixed(2)} s | ${count(rssMB)} MB | ${count(mostMB)} MB | ${idlePercent.toFixed(1)} % | ${refreshMs.toFixed(1)} ms | ${count(perMinute)} | ${allPercent.toFixed(1)} % | ${count(noticedMs)} ms |`;
    }),
    '',
    'A week of the same schedule with a clock that is only counted; all tokens are of the same moment at its start, and the',
    'provider is away for an hour in its middle:',
    '',
    '| accounts | requests | a minute, mean | the fullest minute | late, but for the outage | CPU time | for each request |',
    '| --- | --- | --- | --- | --- | --- | --- |',
    ...weeks.map(
      ({ accounts, late, mean, requests, seconds, worst }) =>
        `| ${count(accounts)} | ${count(requests)} | ${count(mean)} | ${count(worst)} (${(worst / mean).toFixed(2)} ×) | ${late} | ${seconds.toFixed(1)} s | ${((1e6 * seconds) / requests).toFixed(2)} µs |`,
    ),
  ];
  return `${lines.join('\n')}\n`;
}

async function writeDocs() {
  const [begin, end] = ['<!-- figures -->', '<!-- /figures -->'];
  const [before, rest] = (await readFile(page, 'utf8')).split(begin);
  const after = rest?.split(end)[1];
  if (before === undefined || after === undefined) throw new Error(`docs/scale.md needs ${begin} and ${end}`);
  await writeFile(page, await formatMarkdown(`${before}${begin}\n\n${text}\n${end}${after}`));
}
