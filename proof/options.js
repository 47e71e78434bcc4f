/** The command lines of the proofs. */
import { parseArgs } from 'node:util';

/** Flag to default; all values are whole numbers. */
export type Flags = Readonly<Record<string, number>>;

/** Throws TypeError with what is wrong. */
export function readOptions<F extends Flags>(args: string[], defaults: F): F {
  const { values } = parseArgs({
    args,
    options: Object.fromEntries(Object.keys(defaults).map((name) => [name, { type: 'string' as const }])),
  });
  const read = Object.entries(values).map(([name, text]) => {
    const value = Number(text);
    if (!Number.isInteger(value) || value < 0)
      throw new TypeError(`--${name} takes a whole number, not ${text}`);
    return [name, value] as const;
  });
  return { ...defaults, ...Object.fromEntries(read) };
}
