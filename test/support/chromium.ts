/** A real browser for the tests of a file. */
import { type Browser, chromium } from 'playwright-core';
import { afterAll, afterEach, beforeAll } from 'vitest';

/** To be called where the tests are described; each test begins without cookies. */
export function useChromium(): () => Browser {
  let browser: Browser | undefined;
  beforeAll(async () => {
    // Root may not use Chromium's sandbox, and all pages are ours.
    browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] });
  });
  afterEach(() => Promise.all((browser?.contexts() ?? []).map((context) => context.close())));
  afterAll(() => browser?.close());
  return () => {
    if (browser === undefined) throw new Error('Chromium runs only while tests do');
    return browser;
  };
}
