/** One entry of the log as a line of JSON. */
import type { LogFields } from '../core/logger.js';

/** What stands in a JSON string as it is. */
const plain = /^[ !#-[\]-~]*$/;

/** `level`, `time`, the fields in their order, those that are undefined left out, and `msg`. */
export function jsonLine(level: string, nowMs: number, fields: LogFields, message: string): string {
  let line = `{"level":"${level}","time":"${isoTime(nowMs)}"`;
  for (const key in fields) {
    const value = fields[key];
    if (value !== undefined) line += `,"${key}":${json(value)}`;
  }
  return `${line},"msg":${json(message)}}\n`;
}

/** As JSON.stringify, which costs several times as much for the short words that most fields are. */
function json(value: unknown): string {
  if (typeof value === 'string' && plain.test(value)) return `"${value}"`;
  return typeof value === 'number' && Number.isFinite(value)
    ? String(value)
    : (JSON.stringify(value) ?? 'null');
}

let lastMs = NaN;
let lastTime = '';

/** Many messages fall into one millisecond, and writing a date out is dear. */
function isoTime(nowMs: number): string {
  if (nowMs !== lastMs) {
    lastMs = nowMs;
    lastTime = new Date(nowMs).toISOString();
  }
  return lastTime;
}
