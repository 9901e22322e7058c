import assert from "node:assert/strict";
import { test } from "node:test";
import { HeadScanner } from "../../src/upstream/head-scanner.ts";
import { KnownHeads } from "../../src/upstream/known-heads.ts";
import { ResponseFraming } from "../../src/upstream/response-framing.ts";
import { HeadScanners } from "../../src/upstream/response-parser.ts";
import { seededRandom } from "../support/fake-time.ts";
import { GOOD, REFUSED } from "./answer-corpus.ts";
import { mutated, mutatedFrom } from "./mutate.ts";
import { parse, split } from "./parse.ts";

const HEAD = [
  "HTTP/1.1 200 OK",
  "Content-Type: application/json",
  "x-request-id:  req_0123456789 \t",
  "X-Empty:",
  "x-ratelimit-remaining-tokens: 1999000",
  "Content-Length: 2",
  "Connection: keep-alive",
].join("\r\n");
const ANSWER = Buffer.from(`${HEAD}\r\n\r\nok`);
const ODD = [0, 9, 10, 13, 32, 48, 58, 65, 97, 127, 128, 255];

/** Scanners that know the head of `answer`. */
function knowing(...answers: Buffer[]): HeadScanners {
  const scanners = new HeadScanners();
  for (const answer of answers) parse([answer], false, scanners);
  return scanners;
}

/** Whether it is recalled, not scanned. */
function recalls(known: KnownHeads, bytes: Buffer): boolean {
  return known.recall(bytes, 0, bytes.length, new ResponseFraming()) >= 0;
}

function scan(known: KnownHeads, text: string): readonly string[] {
  const scanner = new HeadScanner(known);
  const bytes = Buffer.from(text, "latin1");
  assert.equal(scanner.scan(bytes, 0, bytes.length), bytes.length);
  return scanner.headers;
}

test("a head that is known is recalled, with the values of the new one", () => {
  const known = new KnownHeads();
  const first = scan(known, `${HEAD}\r\n\r\n`);
  const same = Buffer.from(`${HEAD}\r\n\r\n`);
  assert.ok(recalls(known, same));
  assert.deepEqual(known.headers, first);
  const other = Buffer.from(
    `${HEAD.replace("req_0123456789 \t", "b").replace("X-Empty:", "X-Empty:c d")}\r\n\r\n`,
  );
  assert.ok(recalls(known, other));
  const expected = [...first];
  expected[3] = "b";
  expected[5] = "c d";
  assert.deepEqual(known.headers, expected);
  assert.ok(recalls(known, same));
  assert.deepEqual(known.headers, first, "what is known stays as it was");
});

test("an answer with any byte changed, left out or put in reads as if no head were known", () => {
  for (let at = 0; at <= ANSWER.length; at += 1) {
    for (const odd of ODD) {
      const [before, after] = split(ANSWER, at) as [Buffer, Buffer];
      for (const rest of [after, after.subarray(1), after.subarray(9)]) {
        for (const put of [[], [odd], [odd, odd]]) {
          const bytes = Buffer.concat([before, Buffer.from(put), rest]);
          assert.deepEqual(
            parse([bytes], false, knowing(ANSWER)),
            parse([bytes]),
            `at ${at}: ${put} for ${after.length - rest.length}`,
          );
        }
      }
    }
  }
});

test("a known head cut in two at any byte, or behind another answer, reads the same", () => {
  const whole = parse([ANSWER]);
  const scanners = knowing(ANSWER);
  for (let at = 0; at <= ANSWER.length; at += 1)
    assert.deepEqual(parse(split(ANSWER, at), false, scanners), whole, `cut at ${at}`);
  const behind = Buffer.concat([Buffer.from("HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n"), ANSWER]);
  assert.deepEqual(parse([behind], false, scanners), whole);
});

test("the corpus and 100,000 mutated answers read the same whatever heads are known", () => {
  const seed = Number(process.env["SEED"] ?? 5);
  const random = seededRandom(seed);
  const corpus = [...GOOD, ...REFUSED].map(({ bytes }) => Buffer.from(bytes, "latin1"));
  for (const known of corpus.filter(({ length }) => length < 2000))
    for (const bytes of corpus)
      assert.deepEqual(parse([bytes], false, knowing(known)), parse([bytes]), bytes.toString("latin1"));
  for (let round = 0; round < 20_000; round += 1) {
    const known = round % 2 === 0 ? ANSWER : mutated(random);
    const scanners = knowing(known, mutated(random));
    for (let i = 0; i < 5; i += 1) {
      const bytes = mutatedFrom(known, random);
      const where = `SEED=${seed}, round ${round}`;
      const fresh = parse([bytes]);
      assert.deepEqual(parse([bytes], false, scanners), fresh, where);
      const pieces = split(bytes, Math.floor(random.next() * (bytes.length + 1)));
      assert.deepEqual(parse(pieces, false, scanners), fresh, where);
    }
  }
});

test("what a known head grows to has the same bounds", () => {
  const scanners = knowing(ANSWER);
  for (const length of [60_000, 65_000, 65_600, 70_000]) {
    const bytes = Buffer.from(ANSWER.toString().replace("req_0123456789", "r".repeat(length)));
    assert.deepEqual(parse([bytes], false, scanners), parse([bytes]), `${length}`);
  }
  const lengths = Buffer.from(ANSWER.toString().replace("Length: 2", "Length: +2"));
  assert.match(parse([lengths], false, scanners).end, /not a plain number/);
});

test("two heads are known, of up to 4 KiB, and one in four that are like none is learned", () => {
  const known = new KnownHeads();
  const head = (name: string, length = 1) => `HTTP/1.1 200 OK\r\n${name}: ${"v".repeat(length)}\r\n\r\n`;
  const knows = (name: string) => recalls(known, Buffer.from(head(name)));
  scan(known, head("a"));
  assert.ok(knows("a"));
  for (const name of ["b", "c", "d"]) scan(known, head(name));
  assert.ok(!knows("b") && !knows("c") && !knows("d"));
  scan(known, head("e"));
  assert.ok(knows("a") && knows("e"));
  assert.ok(knows("a"), "this one served last and stays");
  for (const name of ["f", "g", "h", "i"]) scan(known, head(name));
  assert.ok(knows("i") && knows("a") && !knows("e"));
  for (const name of ["f", "g", "h"]) scan(known, head(name));
  scan(known, head("j", 4096 - 24 + 1));
  assert.ok(!recalls(known, Buffer.from(head("j", 4096 - 24 + 1))), "a byte too long");
  for (const name of ["f", "g", "h"]) scan(known, head(name));
  scan(known, head("k", 4096 - 24));
  assert.ok(recalls(known, Buffer.from(head("k", 4096 - 24))));
});

test("a head is read off the bytes that it is in, wherever those lie", () => {
  const known = new KnownHeads();
  scan(known, `${HEAD}\r\n\r\n`);
  const one = Buffer.alloc(1000, "-");
  const two = Buffer.alloc(1000, "-");
  const text = `${HEAD.replace("1999000", "5")}\r\n\r\n`;
  for (const [bytes, at] of [
    [one, 3],
    [two, 7],
    [one, 11],
  ] as const) {
    bytes.write(text, at);
    assert.equal(known.recall(bytes, at, at + text.length, new ResponseFraming()), at + text.length);
    assert.equal(known.headers[7], "5");
    for (let end = at; end < at + text.length; end += 1)
      assert.equal(known.recall(bytes, at, end, new ResponseFraming()), -1, "the rest is from another read");
    bytes.fill("-");
    assert.equal(known.recall(bytes, at, at + text.length, new ResponseFraming()), -1);
  }
});

test("values that stay are taken over from later heads, and every head reads as if none were known", () => {
  const random = seededRandom(7);
  const pick = (list: readonly string[]) => list[Math.floor(random.next() * list.length)] ?? "";
  const values = [
    "req_0123456789 \t",
    "req_9876543210",
    "req_abcdefghij",
    "b",
    "",
    "\xff\xfe req_0123",
    "a\tb",
  ];
  const counts = ["1999000", "1998000", "199", " 1997000", "1997000 "];
  const known = new KnownHeads();
  let given: { readonly list: readonly string[]; readonly copy: string[] }[] = [];
  for (let i = 0; i < 3000; i += 1) {
    const head = HEAD.replace("req_0123456789 \t", pick(values)).replace("1999000", pick(counts));
    const text = `${head}${i % 7 === 0 ? "\r\nX-More: 1" : ""}\r\n\r\n`;
    const list = scan(known, text);
    assert.deepEqual(list, scan(new KnownHeads(), text), text);
    given.push({ list, copy: [...list] });
    if (given.length < 40) continue;
    for (const each of given) assert.deepEqual(each.list, each.copy, "what was handed out stays as it was");
    given = [];
  }
});

test("one head in sixteen that has other values is the known one from then on", () => {
  const known = new KnownHeads();
  scan(known, `${HEAD}\r\n\r\n`);
  const later = `${HEAD.replace("1999000", "1998000")}\r\n\r\n`;
  const lists = new Set<readonly string[]>();
  for (let i = 0; i < 100; i += 1) lists.add(scan(known, later));
  assert.equal(lists.size, 17, "sixteen with a list of their own");
});

test("the damaged heads that follow a renewed one read as if none were known", () => {
  const random = seededRandom(11);
  for (let round = 0; round < 200; round += 1) {
    const scanners = knowing(ANSWER);
    let last = ANSWER;
    for (let i = 0; i < 48; i += 1) {
      const id = String(Math.floor(random.next() * 1e10)).padStart(14, "-");
      last = Buffer.from(ANSWER.toString().replace("req_0123456789", id));
      assert.deepEqual(parse([last], false, scanners), parse([last]));
    }
    for (let i = 0; i < 10; i += 1) {
      const bytes = mutatedFrom(last, random);
      assert.deepEqual(parse([bytes], false, scanners), parse([bytes]), `round ${round}`);
    }
  }
});

test("heads with the same names share what stands for those", () => {
  const known = new KnownHeads();
  const namesOf = (text: string) => {
    const scanner = new HeadScanner(known);
    scanner.scan(Buffer.from(text), 0, text.length);
    return scanner.names;
  };
  const one = `${HEAD}\r\n\r\n`;
  assert.equal(namesOf(one), null, "read for the first time");
  const names = namesOf(one);
  assert.notEqual(names, null);
  for (let i = 0; i < 40; i += 1) assert.equal(namesOf(one.replace("1999000", `${1000 + i}`)), names);
  for (let i = 0; i < 8; i += 1) {
    const other = namesOf(one.replace("X-Empty", "X-Other"));
    assert.ok(other === null || other !== names);
  }
});
