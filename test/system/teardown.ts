/** What the system tests of one file have started: ended after them, the last first. */
import { afterAll } from 'vitest';
import { Teardown } from '../support/process.js';

export const teardown = new Teardown();

afterAll(() => teardown.run());
