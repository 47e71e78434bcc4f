/** One mailbearer that refreshes a token, from its start to its end, which mostly comes before it is done. */
import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import type { Readable } from 'node:stream';
import { pathToFileURL } from 'node:url';
import type { Mailbox } from './mailbox.js';
import type { Death } from './plan.js';

export interface LifeOptions {
  /** mailbearer's executable, and mortal.js. */
  readonly program: string;
  readonly mortal: string;
}

export interface Life {
  /** Its steps, in order, as far as they began. */
  readonly begun: readonly string[];
  readonly done: readonly string[];
  /** It said that the token is refreshed. */
  readonly told: boolean;
  readonly output: string;
  /** Ended by itself instead of by a kill: the place that was chosen never came. */
  readonly survived: boolean;
  readonly durationMs: number;
}

const saysSo = { refresh: /: refreshed, /, serve: /token refreshed/ };
/** A refresh takes a second at most; one that hangs is a fault: it lived on and never told. */
const patienceMs = 30_000;

/** A daemon that has refreshed the token has survived; it is ended then. `wholeMs` is what a whole life takes. */
export async function live(
  options: LifeOptions,
  { configFile, desk, tokenDirectory }: Mailbox,
  { place, program }: Death,
  wholeMs: number,
): Promise<Life> {
  const startedAt = performance.now();
  const child = spawn(process.execPath, [options.program, program, '--config-file', configFile], {
    env: {
      PATH: process.env['PATH'],
      HOME: '/nonexistent',
      STATE_DIRECTORY: `${tokenDirectory}/../state`,
      NODE_OPTIONS: `--import=${pathToFileURL(options.mortal).href}`,
      MORTAL_DIRECTORY: tokenDirectory,
      ...(place.at === 'step' && { MORTAL_STEP: `${place.number} ${place.moment}` }),
    },
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
  });
  let survived = false;
  const kill = () => void child.kill('SIGKILL');
  desk.expect(place.at === 'stage' ? { stage: place.stage, kill } : undefined);
  const hang = () => {
    survived = true;
    kill();
  };
  const timer = place.at === 'time' ? setTimeout(kill, place.share * wholeMs) : setTimeout(hang, patienceMs);
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding('utf8').on('data', (heard: string) => {
      output += heard;
      if (program !== 'serve' || !saysSo.serve.test(output)) return;
      survived = true;
      kill();
    });
  const trace = text(child.stdio[3] as Readable);
  const signal = await new Promise<NodeJS.Signals | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (_status, by) => resolve(by));
  });
  clearTimeout(timer);
  const lines = (await trace).split('\n');
  return {
    begun: lines.flatMap((line) => line.split(' begins: ')[1] ?? []),
    done: lines.flatMap((line) => line.split(' is done: ')[1] ?? []),
    told: saysSo[program].test(output),
    output,
    survived: survived || signal !== 'SIGKILL',
    durationMs: performance.now() - startedAt,
  };
}
