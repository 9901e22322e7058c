/** Holds our parser against node:http and undici: the same answer, or a difference that is known and meant. */
import assert from "node:assert/strict";
import { seededRandom } from "../support/fake-time.ts";
import { GOOD, REFUSED } from "./answer-corpus.ts";
import { mutated } from "./mutate.ts";
import { type Oracles, startOracles } from "./oracles.ts";
import { parse } from "./parse.ts";

/** Refused by us, accepted by at least one of them; each is a rule of 80-performance, section 8. */
const WE_ARE_STRICTER = [
  /Transfer-Encoding other than chunked/, // identity was dropped by RFC 9112
  /more than 256 header lines/,
  /trailers over 8 KiB/,
  /not HTTP\/1\.0 or HTTP\/1\.1/, // they take HTTP/2.0 as a version
  /bare CR in its head/, // llhttp lets one pass after the reason phrase
  /malformed trailer/, // llhttp lets a trailer without a colon pass
  /switches protocols unasked/, // node hands the socket over
];

/** Accepted by us, refused by at least one of them. */
const THEY_ARE_STRICTER = [
  /^HPE_UNEXPECTED_CONTENT_LENGTH$/, // the same length twice: RFC 9110 8.6 allows to take it as one
  /^UND_ERR_RES_CONTENT_LENGTH_MISMATCH$/, // the same again
  /^HPE_INVALID_CHUNK_SIZE$/, // white space before a chunk extension: RFC 9112 7.1.1 wants it understood
  /Invalid character in chunk size/, // the same again
  /^HPE_STRICT$/, // what stands in a chunk extension is not looked at by us
  /Invalid character in chunk extensions/, // the same again
  /^HPE_INVALID_CONTENT_LENGTH$/, // a tab after the number: RFC 9110 5.5 wants white space around a value dropped
  /Invalid character in Content-Length/, // the same again
  /Data after `Connection: close`/, // an interim answer with that line, see below
  /Content-Length can't be present/, // nor does llhttp want one in the trailers, which we drop unread
  /^HPE_CLOSED_CONNECTION$/, // `Connection: close` on an interim answer means nothing to us
  /^UND_ERR_SOCKET$/, // undici takes a 100 that it did not ask for as a failure
];

interface Case {
  readonly name: string;
  readonly bytes: Buffer;
}

/** Asserts over the corpus and `rounds` mutated answers. Returns the number compared. */
export async function compareWithOracles(rounds: number, seed: number): Promise<number> {
  const oracles = await startOracles();
  const random = seededRandom(seed);
  const corpus = [...GOOD.filter(({ head }) => head !== true), ...REFUSED];
  const cases = corpus.map(({ name, bytes }): Case => ({ name, bytes: Buffer.from(bytes, "latin1") }));
  for (let i = 0; i < rounds; i += 1)
    cases.push({ name: `SEED=${seed}, round ${i}`, bytes: mutated(random) });
  try {
    for (const { name, bytes } of cases) {
      await compareOne(oracles, "node", name, bytes);
      await compareOne(oracles, "undici", name, bytes);
    }
  } finally {
    await oracles.close();
  }
  return cases.length;
}

async function compareOne(
  oracles: Oracles,
  who: "node" | "undici",
  name: string,
  bytes: Buffer,
): Promise<void> {
  const ours = parse([bytes]);
  const theirs = await oracles[who](bytes);
  // bytes after the end: we have the answer and drop the connection, they may fail it
  if (ours.surplus && !theirs.accepted) return;
  // llhttp does not take white space off the end of a coding and reads such a body to the end of the connection
  if (/chunked[ \t]+\r/i.test(bytes.toString("latin1"))) return;
  const about = `${name}, ${who}: ${JSON.stringify(bytes.toString("latin1").slice(0, 300))}`;
  const accepted = ours.end === "done" || ours.end === "open";
  if (accepted && theirs.accepted) {
    assert.equal(ours.status, theirs.status, about);
    assert.equal(ours.body, theirs.body, about);
  } else if (accepted) {
    assert.ok(known(THEY_ARE_STRICTER, theirs.why), `only we accept (${theirs.why}): ${about}`);
  } else if (theirs.accepted) {
    assert.ok(known(WE_ARE_STRICTER, ours.end), `only we refuse (${ours.end}): ${about}`);
  }
}

function known(list: readonly RegExp[], reason: string): boolean {
  return list.some((each) => each.test(reason));
}
