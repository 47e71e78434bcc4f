/** What the system tests of one file have started: ended after them, the last first (by test/each-file.ts). */
import { Teardown } from '../support/process.js';

export const teardown = new Teardown();
