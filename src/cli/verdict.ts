/**
 * How the two tests end: the words of sasl-xoauth2-tool on standard output and status 0 or 1, or with `--json`
 * one object there instead. A fault of ours is no verdict on anything, and is passed on.
 */
import { AppError, exitStatus } from '../core/errors.js';
import { documentationOf } from '../core/failures.js';
import type { Ui } from './ui.js';

/** What a script may want to know beside `ok`; names as in the configuration and in token files. */
export type Facts = Readonly<Record<string, unknown>>;

export interface VerdictStyle {
  readonly json: boolean;
}

export async function passed(ui: Ui, { json }: VerdictStyle, words: string, facts: Facts): Promise<number> {
  await ui.data(json ? asJson({ ok: true, ...facts }) : words);
  return exitStatus.ok;
}

/** Each cause and what mends it go to standard error either way. Throws one that is no failure of the test's. */
export async function failed(
  ui: Ui,
  { json }: VerdictStyle,
  words: string,
  causes: readonly unknown[],
  facts: Facts = {},
): Promise<number> {
  const errors = causes.map((cause) => {
    if (!(cause instanceof AppError) || cause.code === 'internal') throw cause;
    ui.fail(cause.message, cause.hint);
    return describe(cause);
  });
  await ui.data(json ? asJson({ ok: false, ...facts, errors }) : words);
  return exitStatus.failed;
}

export function describe({ code, failure, message, hint }: AppError): Facts {
  return { code, remedy: failure.remedy, message, hint, docs: documentationOf(code) };
}

function asJson(value: Facts): string {
  return JSON.stringify(value, undefined, 2);
}
