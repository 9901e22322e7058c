import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import { lastMember, parseValue } from "../../src/base/json-scan.ts";

const NAME = Buffer.from('"usage"');
const read = (text: string) => {
  const bytes = Buffer.from(text);
  const found = lastMember(bytes, NAME);
  return found === null ? null : parseValue(bytes, found);
};

test("finds the object that ends its object, whatever white space and nesting", () => {
  deepEqual(read('{"a":[{"b":1}],"usage":{"n":{"m":"}"}}}'), { n: { m: "}" } });
  deepEqual(read('{"usage" : \n{"n":1} \n} \n'), { n: 1 });
});

test("leaves what stands elsewhere, or is none, to the walk over the whole", () => {
  equal(read('{"usage":{"n":1},"id":"x"}'), null, "not the last");
  equal(read('{"a":{"usage":{"n":1}}}'), null, "one level deeper");
  equal(read('{"usage":null}'), null);
  equal(read('{"a":"usage"}'), null, "a value of that spelling");
  equal(read('{"a":"\\"usage\\":{}"}'), null, "quoted inside a string");
  equal(read("{}"), null);
});

test("a plain name is read as JSON reads it, and others are left to the parser", () => {
  for (const text of [
    '"gpt-4o-mini"',
    '""',
    '"a\\u0062c"',
    '"müller"',
    `"${"x".repeat(100)}"`,
    "12",
    "null",
  ]) {
    const bytes = Buffer.from(text);
    equal(parseValue(bytes, { start: 0, end: bytes.length }), JSON.parse(text));
  }
});
