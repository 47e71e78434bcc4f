// @ts-check
/** Generated files in the format of all others, so that `npm run check` does not mind them. */
import { format, resolveConfig } from 'prettier';

/** @param {string} text @param {'json' | 'markdown'} parser */
async function formatAs(text, parser) {
  return format(text, { ...(await resolveConfig(new URL(import.meta.url))), parser });
}

/** @param {unknown} value */
export function formatJson(value) {
  return formatAs(JSON.stringify(value), 'json');
}

/** @param {string} text */
export function formatMarkdown(text) {
  return formatAs(text, 'markdown');
}
