import assert from "node:assert/strict";
import { test } from "node:test";
import { Failure } from "../../../src/base/failure.ts";
import { applyEdits } from "../../../src/base/json-edit.ts";
import { gemini } from "../../../src/protocols/gemini/gemini.ts";
import {
  CONTENT,
  type ConvertContext,
  ERROR,
  FINISH,
  MALFORMED,
  PING,
  REASONING,
  TOOL_CALL,
} from "../../../src/protocols/protocol.ts";
import { seededRandom, seedOf } from "../../support/seed.ts";
import { Conversion } from "../support/conversion.ts";

const part = (json: string, candidate = "", rest = "") =>
  `data: {"candidates": [{"content": {"parts": [${json}],"role": "model"}${candidate}}]${rest},"modelVersion": "m1","responseId": "r1"}\r\n\r\n`;

function inspector(keepText = 1000) {
  const inspected = gemini.createInspector({ keepText });
  return {
    inspected,
    see(text: string): number {
      const bytes = Buffer.from(`xx${text}yy`);
      return inspected.inspect(bytes, 2, bytes.length - 2);
    },
  };
}

test("each chunk has its flags, nothing is content that shows nothing", () => {
  const table: [string, number][] = [
    [part('{"text": "a"}'), CONTENT],
    [part('{"text": "hm","thought": true}'), CONTENT | REASONING],
    [part('{"text": ""}'), 0],
    [part('{"thoughtSignature": "U0lH","text": ""}'), 0],
    [part('{"functionCall": {"name": "f","args": {"text": "x"}}}'), CONTENT | TOOL_CALL],
    [part('{"inlineData": {"mimeType": "image/png","data": "AA"}}'), CONTENT],
    [part('{"executableCode": {"code": "1"}}'), CONTENT],
    [part('{"text": "a"}', ',"finishReason": "STOP"'), CONTENT | FINISH],
    [part('{"text": "\\"finishReason\\": \\"STOP\\""}'), CONTENT],
    ['data: {"candidates": [{"finishReason": "SAFETY","index": 0}]}\n\n', FINISH],
    ['data: {"promptFeedback": {"blockReason": "SAFETY"}}\n\n', FINISH | CONTENT],
    ['data: {"promptFeedback": {"safetyRatings": []}}\n\n', 0],
    ['data: {"usageMetadata": {"promptTokenCount": 3}}\n\n', 0],
    ['data: {"error": {"code": 503,"message": "m","status": "UNAVAILABLE"}}\n\n', ERROR],
    [": keep-alive\n\n", PING],
    ["\r\n", PING],
    ['data: {"candidates": [\n\n', MALFORMED],
    ["data: hello\n\n", MALFORMED],
    ['[{"candidates": [{"content": {"parts": [{"text": "a"}]}}]}', CONTENT],
    ['\n,\r\n{"usageMetadata": {}}', 0],
  ];
  for (const [text, bits] of table) assert.equal(inspector().see(text), bits, text);
});

test("a relayed stream's usage, stop, model, text and position are known", () => {
  const { inspected, see } = inspector();
  see(part('{"text": "hm \\u00e9","thought": true}'));
  see(part('{"text": "Zo\\u00eb \\"q\\""}', "", ',"usageMetadata": {"promptTokenCount": 8}'));
  see(part('{"text": "ö"}'));
  assert.equal(inspected.usage?.output, 0);
  assert.deepEqual(inspected.position(), {
    id: "r1",
    model: "m1",
    created: 0,
    nextIndex: 2,
    open: { kind: "text", index: 1, itemId: "" },
    sequence: 0,
    started: true,
    items: [],
  });
  assert.equal(JSON.parse(`"${inspected.text}"`), 'Zoë "q"ö');
  see(
    part(
      '{"text": ""}',
      ',"finishReason": "MAX_TOKENS"',
      ',"usageMetadata": {"promptTokenCount": 8,"candidatesTokenCount": 10,"thoughtsTokenCount": 5}',
    ),
  );
  assert.deepEqual([inspected.usage?.input, inspected.usage?.output, inspected.usage?.reasoning], [8, 15, 5]);
  assert.deepEqual(inspected.stop, { reason: "length" });
  assert.equal(inspected.model, "m1");
});

test("the text for a continuation is given up at its cap, at a call and at a second candidate", () => {
  const capped = inspector(5);
  capped.see(part('{"text": "abc"}'));
  assert.equal(String(capped.inspected.text), "abc");
  capped.see(part('{"text": "def"}'));
  assert.equal(capped.inspected.text, null);
  const called = inspector();
  called.see(part('{"text": "abc"}'));
  called.see(part('{"functionCall": {"name": "f"}}'));
  assert.equal(called.inspected.text, null);
  const second = inspector();
  second.see(part('{"text": "abc"}', ',"index": 1'));
  assert.equal(second.inspected.text, null);
});

test("usage of a whole answer is found, of an array that of its last element", () => {
  const usage = (count: number) => `"usageMetadata":{"promptTokenCount":${count},"candidatesTokenCount":"2"}`;
  assert.equal(gemini.readUsage(Buffer.from(`{"candidates":[],${usage(3)}}`))?.input, 3);
  assert.equal(gemini.readUsage(Buffer.from(` [{${usage(3)}},\n{${usage(4)}}]`))?.input, 4);
  assert.equal(gemini.readUsage(Buffer.from(`{"candidates":[],${usage(3)}}`))?.output, 2);
  for (const body of ["", "{", "[]", "<html>", "{}"]) assert.equal(gemini.readUsage(Buffer.from(body)), null);
});

test("errors of the gateway in Gemini's shape", () => {
  const failure = new Failure("rate_limit", "slow down", { code: "rate_limit_exceeded", retryAfterMs: 6500 });
  const answer = gemini.encodeError(failure, "req");
  assert.equal(answer.status, 429);
  assert.ok(answer.headers.join().startsWith("retry-after,7"));
  assert.deepEqual(JSON.parse(answer.body).error, {
    code: 429,
    message: "slow down",
    status: "RESOURCE_EXHAUSTED",
    details: [{ "@type": "type.googleapis.com/google.rpc.RetryInfo", retryDelay: "7s" }],
  });
  const status = (kind: ConstructorParameters<typeof Failure>[0], status?: number) => {
    const { error } = JSON.parse(
      gemini.encodeError(
        new Failure(kind, "m", status === undefined ? { code: "c" } : { code: "c", status }),
        "r",
      ).body,
    );
    return [error.code, error.status];
  };
  assert.deepEqual(status("auth"), [401, "UNAUTHENTICATED"]);
  assert.deepEqual(status("upstream_auth"), [502, "INTERNAL"]);
  assert.deepEqual(status("too_large"), [400, "INVALID_ARGUMENT"]);
  assert.deepEqual(status("quota"), [429, "RESOURCE_EXHAUSTED"]);
  assert.deepEqual(status("overloaded"), [503, "UNAVAILABLE"]);
  assert.deepEqual(status("timeout"), [504, "DEADLINE_EXCEEDED"]);
  assert.deepEqual(status("upstream"), [500, "INTERNAL"]);
  assert.deepEqual(status("bad_request", 409), [409, "ABORTED"]);
});

test("61, 70, 73: errors of the upstream: array, wait, wrong key, field, HTML, nothing", () => {
  const wait = gemini.decodeError(
    429,
    JSON.stringify([
      {
        error: {
          code: 429,
          message: "Quota",
          status: "RESOURCE_EXHAUSTED",
          details: [{ "@type": "type.googleapis.com/google.rpc.RetryInfo", retryDelay: "7.2s" }],
        },
      },
    ]),
  );
  assert.deepEqual(wait, {
    status: 429,
    code: "resource_exhausted",
    message: "Quota",
    param: null,
    retryAfterMs: 7200,
    recognised: true,
  });
  const key = gemini.decodeError(
    400,
    '{"error":{"code":400,"message":"API key not valid.","status":"INVALID_ARGUMENT","details":[{"reason":"API_KEY_INVALID"}]}}',
  );
  assert.equal(key.code, "api_key_invalid");
  const field = gemini.decodeError(
    400,
    '{"error":{"code":400,"message":"m","status":"INVALID_ARGUMENT","details":[{"fieldViolations":[{"field":"tools[0]"}]}]}}',
  );
  assert.equal(field.param, "tools[0]");
  const html = gemini.decodeError(502, `<html><p>${"x".repeat(500)}</p></html>`);
  assert.equal(html.recognised, false);
  assert.equal(html.message.length, 300);
  for (const body of ["", "null", "[]", '{"error":"text"}', "3"])
    assert.equal(gemini.decodeError(500, body).recognised, false);
});

test("an in-band error keeps the relayed stream's framing", () => {
  const failure = new Failure("upstream", "gone", { code: "upstream_error" });
  assert.equal(
    gemini.encodeStreamError(failure, inspector().inspected),
    'data: {"error":{"code":500,"message":"gone","status":"INTERNAL"}}\n\n',
  );
  const array = inspector();
  array.see('[{"candidates": []}');
  assert.ok(gemini.encodeStreamError(failure, array.inspected).startsWith(',{"error"'));
});

function relay(body: string, model = "gemini-2.5-pro", convert: Partial<ConvertContext> = {}): string {
  const conversion = new Conversion(gemini, gemini, { model, convert });
  const { large } = conversion.decodeRequest({ contents: [{ parts: [] }] });
  const bytes = Buffer.from(body);
  return Buffer.concat(
    applyEdits(bytes, gemini.passThroughEdits(bytes, conversion.convertContext(large))),
  ).toString();
}

test("79: our own marks are cut from a relayed body, every other byte stays as it was", () => {
  const ours = Buffer.from("slc1.eyJ2IjoxfQ").toString("base64");
  assert.ok(ours.startsWith("c2xjMS5l"));
  const body = (parts: string) =>
    `{ "x":1,"contents" : [ {"role":"user","parts":[{"text":"q"}]},{"role":"model","parts":[${parts}]},{"parts":{"text":"z"}} ] }`;
  assert.equal(
    relay(
      body(
        `{"thoughtSignature":"${ours}","thought":true,"text":"hm"}, {"text":"a" ,"thoughtSignature":"${ours}"}`,
      ),
    ),
    body(`{"thought":true,"text":"hm"}, {"text":"a"}`),
  );
  assert.equal(relay(body(`{"text":"","thoughtSignature":"${ours}"},{"text":"b"}`)), body(`{"text":"b"}`));
  assert.equal(
    relay(body(`{"text":"b"},{"thought_signature":""}`)),
    body(`{"text":"b"},{}`).replace(",{}", ""),
  );
  assert.equal(
    relay(body(`{"text":"","thought":true,"thoughtSignature":"${ours}"}`)),
    '{ "x":1,"contents" : [ {"role":"user","parts":[{"text":"q"}]},{"parts":{"text":"z"}} ] }',
  );
  const own = body(`{"text":"a","thoughtSignature":"R29vZ2xl"}`);
  assert.equal(relay(own), own);
  const mentioned = body(`{"text":"slc1.e c2xjMS5l"}`);
  assert.equal(relay(mentioned), mentioned);
});

test("13: calls a foreign target made are signed with the escape when the body goes to Gemini 3", () => {
  const call = (name: string, more = "") => `{"functionCall":{"name":"${name}"}${more}}`;
  const body = (a: string, b: string) =>
    `{"contents":[{"parts":[{"text":"q"}]},{"role":"model","parts":[${a},${b}]}]}`;
  const skip = ',"thoughtSignature":"skip_thought_signature_validator"';
  assert.equal(relay(body(call("a"), call("b")), "gemini-3-pro"), body(call("a", skip), call("b")));
  const streamed = `{"contents":[{"parts":[{"text":"q"}]},{"role":"model","parts":[${call("a", ',"thoughtSignature":"R29vZ2xl"')}]},{"role":"model","parts":[${call("b")}]}]}`;
  assert.equal(relay(streamed, "gemini-3-pro"), streamed);
  const signed = body(call("a", ',"thoughtSignature":"R29vZ2xl"'), call("b"));
  assert.equal(relay(signed, "gemini-3-pro"), signed);
  assert.equal(relay(body(call("a"), call("b"))), body(call("a"), call("b")));
});

test("members a target refused are cut, and its thoughts when it refused those", () => {
  const refused = ["labels", "generationConfig.thinkingConfig", "topK", "contents"];
  assert.equal(
    relay(
      '{"labels":{},"contents":[],"generationConfig":{"topK":1,"topP":1,"thinkingConfig":{}}}',
      undefined,
      { refused },
    ),
    '{"contents":[],"generationConfig":{"topP":1}}',
  );
  const parts = (text: string) => `{"contents":[{"role":"model","parts":[${text}]}]}`;
  const thoughts =
    '{"text":"hm","thought":true},{"text":"a","thoughtSignature":"R29vZ2xl"},{"functionCall":{"name":"f"},"thoughtSignature":"R29vZ2xl"}';
  assert.equal(
    relay(parts(thoughts), "gemini-3-pro", { dropThinking: true }),
    parts('{"text":"a"},{"functionCall":{"name":"f"},"thoughtSignature":"skip_thought_signature_validator"}'),
  );
});

test("a model named in the body says what the path says", () => {
  assert.equal(
    relay('{"model":"models/alias","contents":[]}'),
    '{"model":"models/gemini-2.5-pro","contents":[]}',
  );
});

test("no garbage makes the inspector throw, and what it takes for whole is JSON's own shape", () => {
  const seed = seedOf(17);
  const random = seededRandom(seed);
  const whole = part(
    '{"text": "a\\"b","thought": true},{"functionCall": {"name": "f"}}',
    ',"finishReason": "STOP","index": 0',
    ',"usageMetadata": {"promptTokenCount": 8}',
  );
  for (let round = 0; round < 5000; round++) {
    const at = Math.floor(random() * whole.length);
    const cut = Math.floor(random() * 3);
    const text =
      whole.slice(0, at) +
      String.fromCharCode(32 + Math.floor(random() * 95)).repeat(cut) +
      whole.slice(at + 1);
    const { inspected, see } = inspector();
    assert.doesNotThrow(() => {
      see(text);
      return [inspected.usage, inspected.position(), inspected.text];
    }, `SEED=${seed} round ${round}: ${text}`);
  }
});
