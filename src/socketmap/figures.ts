/** What became of questions since the start, as plain numbers for whoever shows them. */
import type { SocketmapReply } from '../protocol/socketmap.js';

export class SocketmapFigures {
  readonly answers: Record<SocketmapReply['kind'], number> = { ok: 0, notfound: 0, temp: 0, perm: 0 };
}
