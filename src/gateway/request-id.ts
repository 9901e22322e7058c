/** Request ids: the caller's own when it is sane, else a counter behind a random start (20-http.md, Headers). */
import type { Random } from "../base/clock.ts";
import { type HeaderList, headerValue } from "../base/headers.ts";

const MAX_LENGTH = 128;
const PRINTABLE = /^[\x21-\x7e]+$/;

const DIGITS = Array.from("0123456789abcdef", (digit) => digit.charCodeAt(0));

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
  /** Characters of an id; only the last two differ from one to the next, mostly. */
  let units: number[] = [];
  return {
    take(headers) {
      const own = headerValue(headers, "x-request-id");
      return own !== "" && own.length <= MAX_LENGTH && PRINTABLE.test(own) ? own : this.make();
    },
    make() {
      count = (count + 1) >>> 0;
      const low = count & 0xff;
      if (low === 0 || units.length === 0) {
        const id = `${prefix}${(count >>> 8).toString(16).padStart(6, "0")}00`;
        units = Array.from(id, (character) => character.charCodeAt(0));
      }
      units[units.length - 2] = DIGITS[low >> 4] as number;
      units[units.length - 1] = DIGITS[low & 15] as number;
      // In one piece: of two pieces V8 makes one when they are first looked at, for several times the price.
      return String.fromCharCode(...units);
    },
  };
}
