/** What `server-timing` says of an answer, as numbers: whoever writes bytes needs no text of it. */

/** In tenths of a millisecond, whole. */
export class ServerTimes {
  readonly queue: number;
  readonly policy: number;
  readonly upstream: number;
  readonly total: number;

  /** In milliseconds. */
  constructor(queue: number, policy: number, upstream: number, total: number) {
    this.queue = toTenths(queue);
    this.policy = toTenths(policy);
    this.upstream = toTenths(upstream);
    this.total = toTenths(total);
  }
}

/** `queue;dur=0.1, …` in milliseconds. */
export function formatTimes({ queue, policy, upstream, total }: ServerTimes): string {
  return (
    `queue;dur=${writeTenths(queue)}, policy;dur=${writeTenths(policy)}, ` +
    `upstream;dur=${writeTenths(upstream)}, total;dur=${writeTenths(total)}`
  );
}

/** Never less than nothing. */
function toTenths(ms: number): number {
  return ms > 0 ? Math.round(ms * 10) : 0;
}

/** By whole numbers: writing a fraction costs ten times as much. */
function writeTenths(all: number): string {
  const rest = all % 10;
  return rest === 0 ? `${all / 10}` : `${(all - rest) / 10}.${rest}`;
}
