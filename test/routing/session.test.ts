import assert from "node:assert/strict";
import { test } from "node:test";
import { IdPins } from "../../src/routing/id-pins.ts";
import { type SessionFacts, sessionKey, sessionOfUserId } from "../../src/routing/session-key.ts";
import { Stickiness } from "../../src/routing/stickiness.ts";

const NONE: SessionFacts = {
  alias: "smart",
  caller: "laptop",
  sessionHeader: "",
  promptCacheKey: "",
  userId: "",
  body: Buffer.alloc(0),
  texts: [],
};
const S = { caller: "laptop", hash: 1, check: 2 };
const numbered = (hash: number) => ({ caller: "laptop", hash, check: hash });
interface Texts {
  readonly system?: string;
  readonly firstUserTurn?: string;
}

function keyOf({ system = "", firstUserTurn = "", ...facts }: Partial<SessionFacts> & Texts) {
  const body = Buffer.from(`{${system},${firstUserTurn}}`);
  const end = 2 + Buffer.byteLength(system);
  const texts = [1, end - 1, end, body.length - 1];
  const key = sessionKey({ ...NONE, body, texts, ...facts });
  return key === null ? null : { ...key };
}

test("header, then prompt_cache_key, then the session in user_id, then the texts tell the conversation", () => {
  const text = { system: "be kind", firstUserTurn: "hello" };
  const userId = '{"device_id":"d","session_id":"9f2c"}';
  const all = { ...text, userId, promptCacheKey: "k", sessionHeader: "h" };
  assert.deepEqual(keyOf(all), keyOf({ sessionHeader: "h" }));
  assert.deepEqual(keyOf({ ...all, sessionHeader: "" }), keyOf({ promptCacheKey: "k" }));
  assert.deepEqual(keyOf({ ...text, userId }), keyOf({ userId }));
  assert.notDeepEqual(keyOf(text), keyOf({ ...text, firstUserTurn: "hello!" }));
  assert.equal(keyOf({}), null);
  const long = { system: "s".repeat(9000), firstUserTurn: "u".repeat(9000) };
  assert.deepEqual(keyOf(long), keyOf({ ...long }));
  assert.deepEqual(keyOf(long), keyOf({ ...long, system: `${"s".repeat(4096)}tail` }));
  assert.notDeepEqual(keyOf({ sessionHeader: "h" }), keyOf({ system: "h" }));
  // Instructions never leave the first turn unread, and a text counts to its last byte, whatever its length.
  assert.notDeepEqual(keyOf(long), keyOf({ ...long, firstUserTurn: `v${"u".repeat(8999)}` }));
  const keys = new Set<string>();
  for (let length = 1; length < 40; length++)
    for (const end of ["a", "b"])
      keys.add(JSON.stringify(keyOf({ firstUserTurn: "x".repeat(length) + end })));
  assert.equal(keys.size, 78);
});

test("two callers, and two aliases, never share a session", () => {
  for (const facts of [{ sessionHeader: "1" }, { system: "s", firstUserTurn: "u" }]) {
    assert.notDeepEqual(keyOf({ ...facts, caller: "a" }), keyOf({ ...facts, caller: "b" }));
    assert.notDeepEqual(keyOf({ ...facts, alias: "a" }), keyOf({ ...facts, alias: "b" }));
  }
  assert.notDeepEqual(
    keyOf({ system: "ab", firstUserTurn: "c" }),
    keyOf({ system: "a", firstUserTurn: "bc" }),
  );
});

test("the session is read out of both forms of Claude Code's user_id", () => {
  assert.equal(sessionOfUserId('{"device_id":"x","account_uuid":"","session_id":"5d9f-22"}'), "5d9f-22");
  assert.equal(sessionOfUserId("user_ab12_account__session_0c8d2f7a-11ee"), "0c8d2f7a-11ee");
  for (const none of ["", "alice", "session_", `{"session_id":""}`, "x".repeat(5000)]) {
    assert.equal(sessionOfUserId(none), "", none.slice(0, 20));
  }
});

test("notes live for ten idle minutes and at most 4096 of them", () => {
  const sticky = new Stickiness();
  const usable = () => true;
  sticky.note(S, "p/a", [], 0);
  assert.equal(sticky.target(S, 599_999, usable), "p/a");
  assert.equal(sticky.target(S, 1_199_998, usable), "p/a", "being asked for is use");
  assert.equal(sticky.target(S, 1_799_998, usable), undefined);
  for (let i = 0; i < 10_000; i++) sticky.note(numbered(i), "p/a", [], 2_000_000);
  assert.equal(sticky.size, 4096);
  assert.equal(sticky.target(numbered(0), 2_000_001, usable), undefined);
  assert.equal(sticky.target(numbered(9999), 2_000_001, usable), "p/a");
});

test("the issuers of 4096 ids are remembered, the oldest unused one is forgotten first", () => {
  const pins = new IdPins();
  pins.note("key:a", "resp_first", "openai", 0);
  for (let i = 0; i < 4095; i++) pins.note("key:a", `resp_${i}`, "openai", 1);
  assert.equal(pins.issuer("key:a", "resp_first", 2), "openai");
  pins.note("key:a", "resp_more", "azure", 3);
  assert.equal(pins.size, 4096);
  assert.equal(pins.issuer("key:a", "resp_0", 4), undefined);
  assert.equal(pins.issuer("key:a", "resp_more", 4), "azure");
  assert.equal(pins.issuer("key:b", "resp_more", 4), undefined);
  pins.forget("key:a", "resp_more");
  assert.equal(pins.issuer("key:a", "resp_more", 5), undefined);
  pins.note("key:a", "x".repeat(5000), "openai", 6);
  pins.note("key:a", "", "openai", 6);
  assert.equal(pins.size, 4095);
});

test("two sessions that share a hash do not share a note: the later one has it", () => {
  const sticky = new Stickiness();
  const usable = () => true;
  for (const other of [
    { ...S, caller: "phone" },
    { ...S, check: 3 },
  ]) {
    sticky.note(S, "p/a", [], 0);
    assert.equal(sticky.target(other, 0, usable), undefined);
    assert.equal(sticky.target({ ...S }, 0, usable), "p/a");
    sticky.note(other, "p/b", [], 0);
    assert.equal(sticky.target(S, 0, usable), undefined);
    assert.equal(sticky.target(other, 0, usable), "p/b");
  }
  assert.equal(sticky.size, 1);
});

const NO_KEY = { hash: 0, check: 0 };

test("one short text tells a conversation by every byte, wherever it stands in memory", () => {
  const key = (body: Buffer, start: number, end: number, alias = "smart") => {
    const { hash, check } = sessionKey({ ...NONE, alias, body, texts: [start, end] }) ?? NO_KEY;
    return `${hash} ${check}`;
  };
  const seen = new Set<string>();
  const text = Buffer.from("Tell me a story of a gateway and its keys. ".repeat(13));
  const lengths = [1, 2, 3, 4, 5, 6, 7, 8, 9, 30, 31, 32, 33, 511, 512, 513];
  for (const length of lengths) {
    const here = key(text, 0, length);
    seen.add(here);
    assert.equal(key(text, 0, length), here);
    const odd = Buffer.concat([Buffer.alloc(7, 0x22), text]);
    assert.equal(key(odd, 7, 7 + length), here);
    const own = Buffer.from(new Uint8Array(text).buffer);
    assert.equal(key(own.subarray(0, length), 0, length), here);
    for (let at = 0; at < length; at++) {
      const other = Buffer.from(text);
      other[at] = 0x7e;
      seen.add(key(other, 0, length));
    }
    seen.add(key(text, 0, length, "other"));
    assert.equal(key(text, 0, length), here);
  }
  assert.equal(
    seen.size,
    lengths.reduce((sum, length) => sum + length + 2, 0),
  );
  assert.equal(sessionKey({ ...NONE, body: text, texts: [3, 3] }), null);
});
