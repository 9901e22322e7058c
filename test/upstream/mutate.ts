/** Answers damaged at random: bytes changed, dropped, doubled, lines swapped in from other answers. */
import type { Random } from "../../src/base/clock.ts";
import { GOOD, REFUSED } from "./answer-corpus.ts";

const SEEDS = [...GOOD, ...REFUSED.filter(({ bytes }) => bytes.length < 2000)].map(({ bytes }) =>
  Buffer.from(bytes, "latin1"),
);
const TOKENS = [
  "\r\n", "\n", "\r", "\0", " ", "\t", ":", ";", "0", "-", "\xff", "HTTP/1.1 ", "Content-Length: 3\r\n",
  "Transfer-Encoding: chunked\r\n", "Connection: close\r\n", "3\r\nabc\r\n", "0\r\n\r\n", "a".repeat(100),
].map((token) => Buffer.from(token, "latin1")); // biome-ignore format: one table

/** One to four changes to an answer of the corpus. */
export function mutated(random: Random): Buffer {
  return mutatedFrom(pick(SEEDS, random), random);
}

export function mutatedFrom(answer: Buffer, random: Random): Buffer {
  let bytes = answer;
  const changes = 1 + Math.floor(random.next() * 4);
  for (let i = 0; i < changes; i += 1) bytes = change(bytes, random);
  return bytes;
}

function change(bytes: Buffer, random: Random): Buffer {
  const at = Math.floor(random.next() * (bytes.length + 1));
  const rest = Math.floor(random.next() * 8);
  switch (Math.floor(random.next() * 5)) {
    case 0: {
      const copy = Buffer.from(bytes);
      if (at < copy.length) copy[at] = Math.floor(random.next() * 256);
      return copy;
    }
    case 1:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + rest)]);
    case 2:
      return Buffer.concat([bytes.subarray(0, at), pick(TOKENS, random), bytes.subarray(at)]);
    case 3:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(Math.max(0, at - rest))]);
    default: {
      const other = pick(SEEDS, random);
      return Buffer.concat([bytes.subarray(0, at), other.subarray(Math.floor(random.next() * other.length))]);
    }
  }
}

function pick<T>(list: readonly T[], random: Random): T {
  const chosen = list[Math.floor(random.next() * list.length)];
  if (chosen === undefined) throw new Error("nothing to choose from");
  return chosen;
}
