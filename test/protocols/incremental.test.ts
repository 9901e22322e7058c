/** The parts that work on text as it arrives: whatever the pieces, the result is that of the whole. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ArgumentScanner } from "../../src/protocols/argument-scanner.ts";
import { AnswerIds, CHAT_IDS, fitCallId, MISTRAL_IDS } from "../../src/protocols/call-ids.ts";
import { InputUnwrapper } from "../../src/protocols/input-unwrap.ts";
import type { StreamEvent } from "../../src/protocols/neutral.ts";
import { decodeCarrier, encodeCarrier, restoreSignatures } from "../../src/protocols/signature-carrier.ts";
import { StopFilter } from "../../src/protocols/stop-emulation.ts";
import { ThinkTagSplitter } from "../../src/protocols/think-tags.ts";
import { GEMINI_NAMES, OPENAI_NAMES, upstreamName } from "../../src/protocols/tool-names.ts";
import { seededRandom, seedOf } from "../support/seed.ts";

const random = seededRandom(seedOf(31));

function pieces(text: string): string[] {
  const out: string[] = [];
  for (let at = 0; at < text.length; ) {
    const size = 1 + Math.floor(random() * 4);
    out.push(text.slice(at, at + size));
    at += size;
  }
  return out;
}

test("the argument scanner calls complete exactly what JSON.parse takes", () => {
  const parts = [
    '{"a":',
    '"x"',
    "1",
    "-0.5e+3",
    "true",
    "null",
    "[",
    "]",
    "{",
    "}",
    ",",
    " ",
    ":",
    '"\\u00e9\\n"',
    "01",
    "tru",
    '"',
    "\\",
    "NaN",
  ];
  for (let round = 0; round < 20_000; round++) {
    let text = "";
    for (let i = 1 + Math.floor(random() * 6); i > 0; i--) text += parts[Math.floor(random() * parts.length)];
    const scanner = new ArgumentScanner();
    for (const piece of pieces(text)) scanner.push(piece);
    let valid = true;
    try {
      JSON.parse(text);
    } catch {
      valid = false;
    }
    assert.equal(scanner.complete && !scanner.broken, valid, JSON.stringify(text));
  }
});

test("raw control characters in strings come out escaped, broken text is told at once (case 97)", () => {
  const scanner = new ArgumentScanner();
  const out = pieces('{"a":"x\ny\u0001"}').map((piece) => scanner.push(piece));
  assert.deepEqual(JSON.parse(out.join("")), { a: "x\ny\u0001" });
  assert.ok(scanner.complete && scanner.isObject);
  for (const bad of ['{"a":1}{"b":2}', "{'a':1}", '{"a":NaN}', "x", '{"a" 1']) {
    const broken = new ArgumentScanner();
    broken.push(bad);
    assert.ok(broken.broken, bad);
  }
  const open = new ArgumentScanner();
  open.push('{"a":"x');
  assert.deepEqual([open.broken, open.complete, open.empty], [false, false, false]);
});

test("a wrapped input comes out as text or as JSON, whatever the pieces (case 19)", () => {
  const run = (text: string, mode: "text" | "raw") => {
    const unwrapper = new InputUnwrapper(mode);
    return (
      pieces(text)
        .map((piece) => unwrapper.push(piece))
        .join("") + unwrapper.flush()
    );
  };
  for (let round = 0; round < 500; round++) {
    const input = '*** Begin\n"Patch" \\ 😀 \u0001 é';
    assert.equal(run(JSON.stringify({ input }), "text"), input);
    assert.equal(
      run(`{ "input" : ${JSON.stringify(input).replace("😀", "\\ud83d\\ude00")} }`, "text"),
      input,
    );
    assert.equal(run('{"input":{"a":["}",1],"b":{}}}', "raw"), '{"a":["}",1],"b":{}}');
    assert.equal(run('{"input": 12345678901234567890 }', "raw").trim(), "12345678901234567890");
    assert.equal(run('{"other":1}', "text"), '{"other":1}');
    assert.equal(run("{}", "text"), "");
    assert.equal(run(`{"command":"${"x".repeat(100)}"}`, "text"), `{"command":"${"x".repeat(100)}"}`);
  }
});

test("text is cut at a stop sequence and told by it; without one nothing is lost (case 91)", () => {
  const run = (text: string, stops: string[]) => {
    const filter = new StopFilter(stops);
    const out: StreamEvent[] = [];
    filter.push({ type: "start", id: "", model: "", created: 0 }, out);
    filter.push({ type: "part", c: 0, i: 0, kind: "text" }, out);
    for (const piece of pieces(text)) filter.push({ type: "text", c: 0, i: 0, text: piece }, out);
    filter.push({ type: "close", c: 0, i: 0 }, out);
    filter.push({ type: "stop", c: 0, stop: { reason: "stop" } }, out);
    filter.push({ type: "end" }, out);
    const shown = out.map((event) => (event.type === "text" ? event.text : "")).join("");
    const stop = out.find((event) => event.type === "stop");
    return [shown, stop?.type === "stop" ? (stop.stop.sequence ?? "") : "none", filter.matched];
  };
  for (let round = 0; round < 500; round++) {
    assert.deepEqual(run("a\n\nb", ["\n\n"]), ["a", "\n\n", true]);
    assert.deepEqual(run("a\nb\n", ["\n\n"]), ["a\nb\n", "", false]);
    assert.deepEqual(run("one END two STOP", ["STOP", "END"]), ["one ", "END", true]);
    assert.deepEqual(run("ababac", ["abac"]), ["ab", "abac", true]);
    assert.deepEqual(run("EN EN", ["END"]), ["EN EN", "", false]);
  }
});

test("text between think tags is thinking, only at the very start", () => {
  const run = (text: string) => {
    const splitter = new ThinkTagSplitter();
    const found = [...pieces(text).flatMap((piece) => splitter.push(piece)), ...splitter.flush()];
    const join = (thinking: boolean) =>
      found
        .filter((piece) => piece.thinking === thinking)
        .map((piece) => piece.text)
        .join("");
    return [join(true), join(false)];
  };
  for (let round = 0; round < 300; round++) {
    assert.deepEqual(run("\n<think>why <b></b> not</think>\n\nyes"), ["why <b></b> not", "yes"]);
    assert.deepEqual(run("<thin air"), ["", "<thin air"]);
    assert.deepEqual(run("a <think>b</think>"), ["", "a <think>b</think>"]);
    assert.deepEqual(run("<think>never ended"), ["never ended", ""]);
  }
});

test("a carrier goes back to the same vendor; to Claude only under the same model and prefix; junk is none", () => {
  const items = [
    { vendor: "anthropic", value: "SIG" },
    { vendor: "anthropic", value: "DATA", redacted: true },
  ] as const;
  const origin = { vendor: "anthropic", model: "claude-opus-4-8", prefix: "0123" } as const;
  const carrier = decodeCarrier(encodeCarrier(origin, items));
  assert.deepEqual(restoreSignatures(carrier, origin), items);
  assert.deepEqual(restoreSignatures(carrier, { ...origin, prefix: "4567" }), []);
  assert.deepEqual(restoreSignatures(carrier, { ...origin, model: "claude-opus-4-7" }), []);
  assert.deepEqual(restoreSignatures(carrier, { ...origin, vendor: "google" }), []);
  const google = { vendor: "google", model: "gemini-3-pro-preview", prefix: "1" } as const;
  const made = decodeCarrier(encodeCarrier(google, [{ vendor: "google", value: "G" }]));
  assert.equal(restoreSignatures(made, { ...google, prefix: "2" }).length, 1);
  assert.equal(restoreSignatures(made, { ...google, model: "gemini-2.5-flash" }).length, 0);
  for (const junk of [
    "",
    "slc1.",
    "slc1.!!!",
    "SIG",
    `slc1.${Buffer.from('{"vendor":"x","items":[]}').toString("base64url")}`,
  ]) {
    assert.equal(decodeCarrier(junk), null, junk);
  }
});

test("ids and names that do not fit are remade the same way every time and fit then (case 17)", () => {
  const long = "x".repeat(90);
  assert.equal(fitCallId("call_1", CHAT_IDS), "call_1");
  assert.equal(fitCallId(long, CHAT_IDS), fitCallId(long, CHAT_IDS));
  assert.match(fitCallId(long, CHAT_IDS), /^call_[A-Za-z0-9]{24}$/);
  assert.match(fitCallId("call_1", MISTRAL_IDS), /^[A-Za-z0-9]{9}$/);
  const alias = upstreamName(long, undefined, OPENAI_NAMES);
  assert.match(alias, /^x{55}_[0-9a-f]{8}$/);
  assert.equal(upstreamName("multi", "ns", OPENAI_NAMES), "ns__multi");
  assert.match(upstreamName("9 lives", undefined, GEMINI_NAMES), /^[A-Za-z_][\w.:-]*$/);
  const ids = new AnswerIds(
    [
      {
        role: "assistant",
        parts: [{ type: "call", id: "call_0", name: "f", arguments: "", kind: "function" }],
      },
    ],
    CHAT_IDS,
    { next: random },
  );
  const taken = [ids.take("call_0"), ids.take("call_1"), ids.take("call_1"), ids.take("")];
  assert.equal(new Set([...taken, "call_0"]).size, 5, "ids are unique in answer and history (case 90)");
});
