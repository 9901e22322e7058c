/** Form fields found by bytes, whatever the form looks like. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { boundaryOf, findField, replaceField } from "../../src/gateway/multipart.ts";
import { seededRandom, seedOf } from "../support/seed.ts";

const part = (head: string, value: string) => `--b\r\n${head}\r\n\r\n${value}\r\n`;
const field = (name: string, value: string) => part(`Content-Disposition: form-data; name="${name}"`, value);
const found = (form: string, name = "model") => {
  const body = Buffer.from(form, "latin1");
  const at = findField(body, "b", name);
  return at === undefined ? undefined : body.toString("latin1", at.start, at.end);
};

test("the boundary is read with and without quotes, from form data only", () => {
  assert.equal(boundaryOf("multipart/form-data; boundary=abc"), "abc");
  assert.equal(boundaryOf('Multipart/Form-Data; charset=utf-8; boundary="a b"'), "a b");
  assert.equal(boundaryOf("multipart/mixed; boundary=abc"), "");
  assert.equal(boundaryOf("application/json"), "");
  assert.equal(boundaryOf("multipart/form-data"), "");
});

test("a field is found wherever it stands, under any spelling of its header", () => {
  assert.equal(found(`${field("model", "m")}--b--\r\n`), "m");
  assert.equal(found(`preamble\r\n${field("x", "1")}${field("model", "m")}--b--`), "m");
  assert.equal(
    found(`${part("content-type: text/plain\r\ncontent-disposition: form-data; name=model", "m")}--b--`),
    "m",
  );
  assert.equal(found(`${field("model", "")}--b--`), "");
});

test("a file that looks like a form or like the field is no field", () => {
  const file = part(
    'Content-Disposition: form-data; name="file"; filename="name=\\"model\\""',
    'Content-Disposition: form-data; name="model"\r\n\r\nfake',
  );
  assert.equal(found(`${file}${field("model", "true")}--b--`), "true");
  assert.equal(found(`${file}--b--`), undefined);
});

test("a form that is cut off has no field", () => {
  const form = `${field("x", "1")}${field("model", "m")}--b--\r\n`;
  const value = form.lastIndexOf("\r\nm") + 3;
  for (let length = 0; length < value; length++) {
    assert.equal(found(form.slice(0, length)), undefined, `cut after ${length}`);
  }
  assert.equal(found(form.slice(0, value + "\r\n--b".length)), "m");
});

test("after 256 parts nothing is looked for any more", () => {
  const many = field("x", "1").repeat(256);
  assert.equal(found(`${field("x", "1").repeat(255)}${field("model", "m")}--b--`), "m");
  assert.equal(found(`${many}${field("model", "m")}--b--`), undefined);
});

test("a replaced value leaves every other byte", () => {
  const body = Buffer.from(`${field("file", "\u00ff\u0000\r\n--c")}${field("model", "m")}--b--`, "latin1");
  const at = findField(body, "b", "model");
  assert.ok(at !== undefined);
  const changed = Buffer.concat(replaceField(body, at, "longer-model"));
  assert.equal(
    changed.toString("latin1"),
    body.toString("latin1").replace("\r\n\r\nm\r\n", "\r\n\r\nlonger-model\r\n"),
  );
});

test("random bytes never throw", () => {
  const seed = seedOf(7);
  const random = seededRandom(seed);
  const whole = Buffer.from(`${field("x", "1")}${field("model", "m")}--b--`);
  for (let round = 0; round < 2000; round++) {
    const bytes = Buffer.from(whole);
    for (let i = 0; i < 4; i++) bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256);
    assert.doesNotThrow(() => findField(bytes, "b", "model"), `SEED=${seed}`);
  }
});
