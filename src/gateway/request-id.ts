/** Request ids: the caller's own when it is sane, else a counter behind a random start (20-http.md, Headers). */
import type { Random } from "../base/clock.ts";
import { type HeaderList, headerValue } from "../base/headers.ts";

const MAX_LENGTH = 128;
const PRINTABLE = /^[\x21-\x7e]+$/;

/** Ids made here. */
export const OWN_ID = /^slc-[0-9a-f]{16}$/;
export const OWN_ID_LENGTH = 20;

/** The last two digits of a count: all that differs from one id to the next. */
const LOW_DIGITS = Array.from({ length: 256 }, (_, low) => low.toString(16).padStart(2, "0"));

export interface RequestIds {
  /** The id of a request with these headers. */
  take(headers: HeaderList): string;
  /** The id of one that brings none. */
  make(): string;
}

/** Ids are unique in this process and hard to confuse with those of another run; they are no secret. */
export function createRequestIds(random: Random): RequestIds {
  const start = Math.floor(random.next() * 0x1_0000_0000);
  const prefix = `slc-${start.toString(16).padStart(8, "0")}`;
  let count = 0;
  let block = "";
  return {
    take(headers) {
      const own = headerValue(headers, "x-request-id");
      return own !== "" && own.length <= MAX_LENGTH && PRINTABLE.test(own) ? own : this.make();
    },
    make() {
      count = (count + 1) >>> 0;
      const low = count & 0xff;
      if (low === 0 || block === "") block = prefix + (count >>> 8).toString(16).padStart(6, "0");
      return block + LOW_DIGITS[low];
    },
  };
}
