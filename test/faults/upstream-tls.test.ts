/** Each fault of an upstream at each stage (over TLS): see matrix.ts. */
import { overTls, playCells } from './cells.js';

playCells(overTls);
