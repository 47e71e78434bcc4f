/** One entry of the log as a line of JSON. */
import type { LogFields } from '../core/logger.js';

/** What stands in a JSON string as it is. */
const plain = /^[ !#-[\]-~]*$/;

/** `level`, `time`, the fields as `fieldsText` gives them, and `msg`. */
export function jsonLine(level: string, nowMs: number, fields: string, message: string): string {
  return beginning(level, nowMs) + fields + ending(message);
}

/** The fields in their order, each behind a comma; those that are undefined are left out. */
export function fieldsText(fields: LogFields): string {
  let text = '';
  for (const key in fields) {
    const value = fields[key];
    if (value !== undefined) text += `,"${key}":${json(value)}`;
  }
  return text;
}

/** As JSON.stringify, which costs several times as much for the short words that most fields are. */
function json(value: unknown): string {
  if (typeof value === 'string' && plain.test(value)) return `"${value}"`;
  return typeof value === 'number' && Number.isFinite(value)
    ? String(value)
    : (JSON.stringify(value) ?? 'null');
}

const lastBeginning = { level: '', nowMs: NaN, text: '' };

/** Many messages fall into one millisecond, and writing a date out is dear. */
function beginning(level: string, nowMs: number): string {
  if (nowMs !== lastBeginning.nowMs || level !== lastBeginning.level) {
    lastBeginning.level = level;
    lastBeginning.nowMs = nowMs;
    lastBeginning.text = `{"level":"${level}","time":"${new Date(nowMs).toISOString()}"`;
  }
  return lastBeginning.text;
}

const lastEnding = { message: '', text: `,"msg":""}\n` };

/** Most entries of a busy relay say the same. */
function ending(message: string): string {
  if (message !== lastEnding.message) {
    lastEnding.message = message;
    lastEnding.text = `,"msg":${json(message)}}\n`;
  }
  return lastEnding.text;
}
