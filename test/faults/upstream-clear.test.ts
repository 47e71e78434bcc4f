/** Each fault of an upstream at each stage (in clear): see matrix.ts. */
import { inClear, playCells } from './cells.js';

playCells(inClear);
