import assert from "node:assert/strict";
import { test } from "node:test";
import { Failure } from "../../src/base/failure.ts";
import { ANSWER_LIMITS, openBody } from "../../src/protocols/body.ts";
import { seededRandom } from "../support/seed.ts";

const random = { next: seededRandom(3) };
const small = { largeString: 20, maxRest: 4096 };
const open = (text: string, raw: string[] = [], limits = small) =>
  openBody(Buffer.from(text), raw, random, limits);
const text = (pieces: readonly Uint8Array[]) => Buffer.concat(pieces).toString();
// biome-ignore lint/suspicious/noExplicitAny: documents of every shape
const docOf = (opened: { doc: unknown }): any => opened.doc;

const LONG = 'Grüße "中文" 😀 \\ line\nnext \u0001'.repeat(4);

test("a long string is spliced back byte for byte, alone, behind text and twice", () => {
  const body = `{"a":${JSON.stringify(LONG)},"b":"\\u4e2d\\/${"x".repeat(30)}"}`;
  const opened = open(body);
  const doc = docOf(opened);
  assert.ok(opened.large.has(doc.a) && doc.a.length < 40);
  assert.equal(opened.large.expand(doc.a), LONG);
  assert.equal(opened.large.head(doc.a, 9), LONG.slice(0, 9));
  const out = text(opened.large.render({ x: `> ${doc.a}`, y: [doc.a, doc.b], [doc.b]: 1 }));
  assert.deepEqual(JSON.parse(out), {
    x: `> ${LONG}`,
    y: [LONG, `中/${"x".repeat(30)}`],
    [`中/${"x".repeat(30)}`]: 1,
  });
  assert.ok(out.includes("\\u4e2d\\/xxx"), "the caller's own escapes stay");
});

test("of a data URL only the payload is held, so that its label can be read and changed", () => {
  const opened = open(`{"url":"data:image/png;base64,${"iVBOR".repeat(20)}"}`);
  const { url } = docOf(opened);
  assert.match(url, /^data:image\/png;base64,@slc:/);
  const relabelled = url.replace("data:image/png;base64,", "");
  assert.equal(opened.large.head(relabelled, 5), "iVBOR");
  assert.equal(text(opened.large.render({ data: relabelled })), `{"data":"${"iVBOR".repeat(20)}"}`);
});

test("verbatim members keep 64-bit integers, key order and white space, as a value and as a string", () => {
  const args = '{ "b" : 12345678901234567890,"1":2, "a":"\\u00e9\\n\\"" ,"f":1.0 }';
  const opened = open(`{"input":${args},"other":{"input":"text"},"list":[{"input":[1]}]}`, ["input"]);
  const doc = docOf(opened);
  assert.equal(opened.large.jsonText(doc.input), args);
  assert.equal(doc.other.input, "text");
  assert.equal(opened.large.jsonText(doc.list[0].input), "[1]");
  assert.equal(text(opened.large.render({ input: opened.large.raw(args) })), `{"input":${args}}`);
  const asString = text(opened.large.render({ arguments: doc.input }));
  assert.equal(JSON.parse(asString).arguments, args);
  const nested = opened.large.jsonText(doc.list);
  assert.equal(opened.large.expand(nested), '[{"input":[1]}]');
  assert.equal(text(opened.large.render({ x: opened.large.raw(nested) })), '{"x":[{"input":[1]}]}');
});

test("long arguments change between object and string without being read", () => {
  const args = JSON.stringify({ file: LONG, n: 1 });
  const asObject = open(`{"input":${args}}`, ["input"]);
  const object = docOf(asObject).input;
  assert.equal(asObject.large.kindOf(object), "object");
  assert.equal(JSON.parse(text(asObject.large.render({ arguments: object }))).arguments, args);
  const asString = open(JSON.stringify({ arguments: args }), ["input"]);
  const string = docOf(asString).arguments;
  assert.equal(asString.large.kindOf(string), "object");
  assert.equal(text(asString.large.render({ input: asString.large.raw(string) })), `{"input":${args}}`);
  const broken = docOf(open(JSON.stringify({ arguments: `{"a":${LONG}` })));
  assert.equal(open("{}").large.kindOf('{"a":'), "broken");
  assert.ok(typeof broken.arguments === "string");
});

test("lone surrogates become the replacement character, pairs stay (case 36)", () => {
  const opened = open(`{"a":"${"x".repeat(30)}\\ud83d\\ude00\\ud800y\\udc00","b":"\\ud800z\\\\ud800"}`);
  const doc = docOf(opened);
  const out = JSON.parse(text(opened.large.render(doc)));
  assert.equal(out.a, `${"x".repeat(30)}😀\ufffdy\ufffd`);
  assert.equal(out.b, "\ufffdz\\ud800");
});

test("a text that only looks like a placeholder stays text", () => {
  const fake = "@slc:abc:0@";
  const opened = open(`{"a":"${fake}","b":"${"x".repeat(30)}"}`);
  assert.equal(JSON.parse(text(opened.large.render(docOf(opened)))).a, fake);
});

test("what must be parsed is bounded, and bad JSON is told", () => {
  const many = JSON.stringify({ list: Array(2000).fill("short") });
  assert.throws(
    () => open(many),
    (error: unknown) => error instanceof Failure && error.status === 413,
  );
  assert.doesNotThrow(() => open(many, [], ANSWER_LIMITS));
  for (const bad of ['{"a":', "", '{"input":{x}}', `{"a":"${"x".repeat(30)}"`, "{]}"]) {
    assert.throws(
      () => open(bad, ["input"]),
      (error: unknown) => error instanceof Failure && error.code === "invalid_json",
      bad,
    );
  }
  const deep = `${'{"a":'.repeat(600)}1${"}".repeat(600)}`;
  assert.throws(() => open(deep), /nested/);
});
