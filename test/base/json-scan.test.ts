import assert from "node:assert/strict";
import { test } from "node:test";
import { Failure } from "../../src/base/failure.ts";
import {
  applyEdits,
  insertMembers,
  removeMembers,
  renameMember,
  replaceValue,
} from "../../src/base/json-edit.ts";
import { bitsOf, watchNames } from "../../src/base/json-names.ts";
import { findMember, isString, parseValue, scanArray, scanObject } from "../../src/base/json-scan.ts";
import { MAX_DEPTH } from "../../src/base/json-skip.ts";
import { isValidJson } from "../../src/base/json-valid.ts";
import { seededRandom, seedOf } from "../support/seed.ts";

const watched = watchNames(["model", "stream", "stream_options", "messages", "max_tokens"]);

function failure(text: string): Failure {
  try {
    scanObject(Buffer.from(text), watched);
  } catch (error) {
    if (error instanceof Failure) return error;
    throw error;
  }
  throw new Error(`accepted: ${text}`);
}

const splice = (bytes: Buffer, edits: Parameters<typeof applyEdits>[1]) =>
  Buffer.concat(applyEdits(bytes, edits)).toString();

test("members of the top level are found, nested ones of the same name are not", () => {
  const text = ` { "a" : {"model":"inner","b":[{"model":1}]}, "model"\t: "gpt \\"x\\" \\\\" ,\r\n"stream":true,"é":"}]{" , "messages":[1,[2,"]"],{}] } `;
  const bytes = Buffer.from(text);
  const scan = scanObject(bytes, watched);
  const doc = JSON.parse(text);
  assert.equal(scan.count, 5);
  assert.deepEqual(
    scan.members.map((member) => member.name),
    ["model", "stream", "messages"],
  );
  for (const member of scan.members) assert.deepEqual(parseValue(bytes, member), doc[member.name]);
  assert.equal(findMember(scan, "max_tokens"), undefined);
});

test("a second, escaped or re-cased spelling of a watched member is refused, other duplicates pass", () => {
  for (const text of [
    '{"model":"a","model":"b"}',
    '{"model":"a","mo\\u0064el":"b"}',
    '{"\\u006dodel":"b"}',
    '{"Model":"b"}',
    '{"STREAM_OPTIONS":{}}',
  ]) {
    assert.equal(failure(text).code, "ambiguous_member", text);
  }
  const scan = scanObject(Buffer.from('{"x":1,"x":2,"\\u0078":3,"stream-options":1,"model":"m"}'), watched);
  assert.equal(scan.count, 5);
});

test("what is no object is refused with the byte", () => {
  for (const text of [
    "",
    " ",
    "[]",
    "null",
    '"x"',
    "{",
    '{"a"',
    '{"a":',
    '{"a":1',
    '{"a":1,',
    '{"a":1,}',
    '{,"a":1}',
    "{'a':1}",
    '{"a":1}}',
    '{"a":1} x',
    '{"a":01}',
    '{"a":-}',
    '{"a":1.}',
    '{"a":1e}',
    '{"a":tru}',
    '{"a":NaN}',
    '{"a":undefined}',
    '{"a":[}',
    '{"a":{]}',
    '{"a":"x}',
    '{"a":"x\\"}',
    '{"a" 1}',
    '{"a":1 "b":2}',
    "{a:1}",
    '\u00a0{"a":1}',
  ]) {
    const error = failure(text);
    assert.equal(error.code, "invalid_json", text);
    assert.equal(error.status, 400);
    assert.match(error.message, /at byte \d+$/, text);
  }
});

test("strings of any length end at their own quote, whatever backslashes stand before it", () => {
  for (const filler of ["", "x".repeat(40), "y".repeat(47), "z".repeat(200), "é".repeat(100)]) {
    for (let slashes = 0; slashes < 8; slashes++) {
      const value = `${filler}${"\\".repeat(slashes)}" ,"model":"inner" ${filler}`;
      const text = JSON.stringify({ [value]: value, model: value, stream: false });
      const bytes = Buffer.from(text);
      const model = findMember(scanObject(bytes, watched), "model");
      assert.ok(model);
      assert.equal(parseValue(bytes, model), value);
    }
  }
});

test("nesting is bounded and brackets must match at every depth", () => {
  const nested = (depth: number, close = "]") =>
    `{"a":${"[".repeat(depth)}${close.repeat(depth)},"model":"m"}`;
  for (const depth of [1, 30, 31, 32, 61, 62, 63, 200, MAX_DEPTH]) {
    assert.equal(scanObject(Buffer.from(nested(depth)), watched).count, 2, String(depth));
    assert.equal(failure(nested(depth, "}")).code, "invalid_json");
    const mixed = `{"a":${'[{"x":'.repeat(depth >> 1)}1${"}]".repeat(depth >> 1)}}`;
    assert.equal(scanObject(Buffer.from(mixed), watched).count, 1);
  }
  assert.match(failure(nested(MAX_DEPTH + 1)).message, /nesting/);
});

test("nested members are found by a scan of the value", () => {
  const bytes = Buffer.from(
    '{"stream_options":{"include_usage" : true,"x":1},"messages":[ {"role":"user"} , 7,[] ]}',
  );
  const scan = scanObject(bytes, watched);
  const options = findMember(scan, "stream_options");
  assert.ok(options);
  const inner = scanObject(bytes, watchNames(["include_usage"]), options.start, options.end);
  assert.equal(parseValue(bytes, findMember(inner, "include_usage") ?? options), true);
  const messages = findMember(scan, "messages");
  assert.ok(messages);
  const elements = scanArray(bytes, messages.start, messages.end);
  assert.deepEqual(
    elements.map((element) => parseValue(bytes, element)),
    [{ role: "user" }, 7, []],
  );
  assert.equal(scanArray(bytes, messages.start, messages.end, 1).length, 1);
  assert.equal(scanArray(Buffer.from(" [ ] "), 0, 5).length, 0);
  const role = findMember(
    scanObject(bytes, watchNames(["role"]), elements[0]?.start, elements[0]?.end),
    "role",
  );
  assert.ok(role && isString(bytes, role, "user") && !isString(bytes, role, "usex"));
});

test("edits keep every other byte", () => {
  const text =
    '{ "store" : true , "model":"a", "x": 1.0e0,"stream":false , "max_tokens":12345678901234567890 }';
  const bytes = Buffer.from(text);
  const scan = scanObject(bytes, watchNames(["store", "model", "x", "stream", "max_tokens"]));
  const get = (name: string) => {
    const member = findMember(scan, name);
    assert.ok(member);
    return member;
  };
  assert.equal(splice(bytes, [replaceValue(get("model"), '"bb"')]), text.replace('"a"', '"bb"'));
  assert.equal(splice(bytes, [renameMember(get("max_tokens"), "n")]), text.replace('"max_tokens"', '"n"'));
  assert.equal(splice(bytes, []), text);
  for (let bits = 0; bits < 32; bits++) {
    const cut = scan.members.filter((_, index) => (bits >> index) & 1);
    for (const added of [[], [{ name: "user", json: '{"a":1}' }]]) {
      const result = splice(bytes, [...insertMembers(scan, added, cut.length), ...removeMembers(cut)]);
      const wanted = JSON.parse(text);
      for (const member of cut) delete wanted[member.name];
      if (added.length > 0) wanted.user = { a: 1 };
      assert.deepEqual(JSON.parse(result), wanted, result);
    }
  }
  const empty = Buffer.from(" { } ");
  assert.equal(
    splice(empty, insertMembers(scanObject(empty, watched), [{ name: "a", json: "1" }])),
    ' {"a":1 } ',
  );
  assert.throws(
    () => splice(bytes, [replaceValue(get("x"), "1"), ...removeMembers([get("x")])]),
    /overlapping/,
  );
});

function randomJson(random: () => number, depth = 0): string {
  const space = () => ["", "", " ", "\n", "\t ", "\r\n"][Math.floor(random() * 6)] ?? "";
  const pick = Math.floor(random() * (depth > 4 ? 6 : 9));
  const words = ["model", "a", "stream", "\\u0061", "x\\\\", 'q\\"', "é€😀", "messages", "y".repeat(60)];
  const word = () => `"${words[Math.floor(random() * words.length)]}"`;
  if (pick < 2) return word();
  if (pick < 4) return ["0", "-1.5e+3", "12345678901234567890", "1E5", "-0"][Math.floor(random() * 5)] ?? "0";
  if (pick < 6) return ["true", "false", "null"][Math.floor(random() * 3)] ?? "null";
  const items: string[] = [];
  for (let i = Math.floor(random() * 4); i > 0; i--) {
    const value = `${space()}${randomJson(random, depth + 1)}${space()}`;
    items.push(pick === 6 ? value : `${space()}${word()}${space()}:${value}`);
  }
  return pick === 6 ? `[${space()}${items.join(",")}]` : `{${space()}${items.join(",")}}`;
}

test("random and mutated texts: valid for us exactly when valid for JSON.parse, members with the same values", () => {
  const seed = seedOf(1);
  const random = seededRandom(seed);
  const alphabet = '{}[]",:\\ \n0123456789.eE+-truefalsnu\u0001é';
  for (let round = 0; round < 20_000; round++) {
    let text = randomJson(random);
    for (let i = round % 4; i > 0; i--) {
      const at = Math.floor(random() * (text.length + 1));
      const extra = alphabet[Math.floor(random() * alphabet.length)] ?? "";
      text = text.slice(0, at) + (random() < 0.5 ? extra : "") + text.slice(at + (random() < 0.5 ? 1 : 0));
    }
    const bytes = Buffer.from(text);
    text = bytes.toString(); // a mutation may have split a surrogate pair
    let doc: unknown;
    let valid = true;
    try {
      doc = JSON.parse(text);
    } catch {
      valid = false;
    }
    const note = `SEED=${seed} round ${round}: ${JSON.stringify(text)}`;
    assert.equal(isValidJson(bytes), valid, note);
    let scan: ReturnType<typeof scanObject> | null = null;
    let code = "";
    try {
      scan = scanObject(bytes, watched);
    } catch (error) {
      assert.ok(error instanceof Failure, note);
      code = error.code;
    }
    if (valid && doc !== null && typeof doc === "object" && !Array.isArray(doc)) {
      if (scan === null) {
        assert.equal(code, "ambiguous_member", note);
        continue;
      }
      for (const name of watched.names) {
        const member = findMember(scan, name);
        assert.equal(member !== undefined, Object.hasOwn(doc, name), note);
        if (member) assert.deepEqual(parseValue(bytes, member), (doc as Record<string, unknown>)[name], note);
      }
    } else if (valid) {
      assert.equal(scan, null, note);
    }
  }
});

test("the validator refuses what only nearly is JSON", () => {
  for (const text of [
    '"\u0001"',
    '"\\x"',
    '"\\u12g4"',
    '"a',
    "[1,]",
    '{"a":1,}',
    "[1 2]",
    "1 2",
    "",
    "nul",
    "+1",
    ".5",
    "[",
    "]",
    "{]",
    '{"a"}',
    '{"a":}',
  ])
    assert.equal(isValidJson(Buffer.from(text)), false, text);
  for (const text of ["1", " null ", '"\\u00e9\\n"', "[[],{}]", '{"a":[1,{"b":null}]}', "-0.0e-0"])
    assert.equal(isValidJson(Buffer.from(text)), true, text);
  assert.equal(isValidJson(Buffer.from(`${"[".repeat(MAX_DEPTH + 1)}${"]".repeat(MAX_DEPTH + 1)}`)), false);
});

test("bits tell which watched names stand in an object; from the 32nd name on they share one", () => {
  const names = Array.from({ length: 40 }, (_, index) => `name_${index}`);
  const many = watchNames(names);
  const seen = (text: string) => scanObject(Buffer.from(text), many).seen;
  for (const name of names) {
    assert.equal(seen(`{"other":1,"${name}":2}`), bitsOf(many, [name]));
    assert.throws(
      () => seen(`{"${name}":1,"${name}":2}`),
      (error) => error instanceof Failure && error.code === "ambiguous_member",
    );
  }
  assert.equal(bitsOf(many, ["name_31"]), bitsOf(many, ["name_39"]));
  assert.equal(scanObject(Buffer.from('{"name_31":1,"name_39":2}'), many).members.length, 2);
  assert.equal(seen('{"other":1}'), 0);
  assert.equal(scanObject(Buffer.from("{}"), null).seen, -1);
});

test("strings on both sides of where a native search begins, with escapes at the seam", () => {
  for (let length = 0; length < 70; length++) {
    for (const tail of ["", "\\\\", '\\"', '\\\\\\"', 'a\\"b']) {
      const text = `{"a":"${"x".repeat(length)}${tail}","b":1}`;
      const scan = scanObject(Buffer.from(text), null);
      assert.deepEqual(
        scan.members.map((member) => text.slice(member.start, member.end)),
        [`"${"x".repeat(length)}${tail}"`, "1"],
      );
    }
  }
});
