import assert from "node:assert/strict";
import { test } from "node:test";
import { Failure } from "../../../src/base/failure.ts";
import { applyEdits } from "../../../src/base/json-edit.ts";
import { cohere, cohereV1 } from "../../../src/protocols/cohere/cohere.ts";
import {
  type ChatProtocol,
  CONTENT,
  ERROR,
  FINISH,
  MALFORMED,
  PING,
  REASONING,
  TERMINAL,
  TOOL_CALL,
} from "../../../src/protocols/protocol.ts";
import { seededRandom, seedOf } from "../../support/seed.ts";
import { Conversion } from "../support/conversion.ts";

const sse = (type: string, rest: string) => `event: ${type}\ndata: {"type":"${type}"${rest}}\n\n`;
const content = (inner: string, index = 0, type = "content-delta") =>
  sse(type, `,"index":${index},"delta":{"message":{"content":{${inner}}}}`);
const v1 = (type: string, rest = "") => `{"is_finished":false,"event_type":"${type}"${rest}}\n`;

function watch(protocol: ChatProtocol, keepText = 1000) {
  const inspected = protocol.createInspector({ keepText });
  return {
    inspected,
    see(text: string): number {
      const bytes = Buffer.from(`xx${text}yy`);
      return inspected.inspect(bytes, 2, bytes.length - 2);
    },
  };
}

test("each event has its flags, nothing is content that shows nothing", () => {
  const v2Table: [string, number][] = [
    [sse("message-start", ',"id":"x","delta":{"message":{"role":"assistant","content":[]}}'), 0],
    [content('"type":"text","text":""', 0, "content-start"), 0],
    [content('"text":"a"'), CONTENT],
    [content('"thinking":"a"'), CONTENT | REASONING],
    [content('"text":"\\"message-end\\""'), CONTENT],
    [sse("content-end", ',"index":0'), 0],
    [sse("tool-plan-delta", ',"delta":{"message":{"tool_plan":"a"}}'), CONTENT | REASONING],
    [sse("tool-call-start", ',"delta":{}'), CONTENT | TOOL_CALL],
    [sse("tool-call-delta", ',"delta":{}'), CONTENT | TOOL_CALL],
    [sse("citation-start", ',"delta":{}'), 0],
    [sse("message-end", ',"delta":{"finish_reason":"COMPLETE"}'), FINISH | TERMINAL],
    [sse("message-end", ',"delta":{"finish_reason":"ERROR","error":"why"}'), FINISH | TERMINAL | ERROR],
    ['data: {"message":"boom"}\n\n', ERROR],
    ["data: [DONE]\n\n", TERMINAL],
    [": ping\n\n", PING],
    ["data: {oops\n\n", MALFORMED],
    ["data: hello\n\n", MALFORMED],
    [sse("something-new", ',"x":1'), 0],
  ];
  for (const [text, bits] of v2Table) assert.equal(watch(cohere).see(text), bits, text);
  const v1Table: [string, number][] = [
    [v1("stream-start", ',"generation_id":"x"'), 0],
    [v1("text-generation", ',"text":"a"'), CONTENT],
    [v1("text-generation", ',"text":""'), 0],
    [v1("tool-calls-chunk"), CONTENT | TOOL_CALL],
    [v1("tool-calls-generation"), CONTENT | TOOL_CALL],
    [v1("search-results"), 0],
    [v1("stream-end", ',"finish_reason":"COMPLETE","response":{}'), FINISH | TERMINAL],
    [v1("stream-end", ',"finish_reason":"ERROR","response":{}'), FINISH | TERMINAL | ERROR],
    ['{"message":"boom"}\n', ERROR],
    [" \n", PING],
    [" {oops\n", MALFORMED],
  ];
  for (const [text, bits] of v1Table) assert.equal(watch(cohereV1).see(text), bits, text);
});

test("a relayed stream's usage, stop, text and position are known", () => {
  const { inspected, see } = watch(cohere);
  see(sse("message-start", ',"id":"id-1"'));
  see(content('"type":"thinking","thinking":"hm"', 0, "content-start"));
  see(sse("content-end", ',"index":0'));
  see(content('"type":"text","text":""', 1, "content-start"));
  see(content('"text":"Zo\\u00eb "', 1));
  see(content('"text":"ö"', 1));
  assert.equal(JSON.parse(`"${inspected.text}"`), "Zoë ö");
  assert.deepEqual(inspected.position(), {
    id: "id-1",
    model: "",
    created: 0,
    nextIndex: 2,
    open: { kind: "text", index: 1, itemId: "" },
    sequence: 0,
    started: true,
    items: [],
  });
  see(sse("content-end", ',"index":1'));
  assert.equal(inspected.position().open, null);
  see(
    sse(
      "message-end",
      ',"delta":{"finish_reason":"MAX_TOKENS","usage":{"tokens":{"input_tokens":3,"output_tokens":4}}}',
    ),
  );
  assert.deepEqual(
    [inspected.usage?.input, inspected.usage?.output, inspected.stop?.reason],
    [3, 4, "length"],
  );
});

test("the text for a continuation is given up at its cap, at a call and with log probabilities", () => {
  const capped = watch(cohere, 4);
  capped.see(content('"text":"abc"'));
  assert.equal(String(capped.inspected.text), "abc");
  capped.see(content('"text":"de"'));
  assert.equal(capped.inspected.text, null);
  const called = watch(cohereV1);
  called.see(v1("text-generation", ',"text":"abc"'));
  assert.deepEqual(called.inspected.position().items, ['"abc"']);
  called.see(v1("tool-calls-generation"));
  assert.equal(called.inspected.text, null);
  const logged = watch(cohere);
  logged.see(
    sse(
      "content-delta",
      ',"index":0,"delta":{"message":{"content":{"text":"a"}}},"logprobs":{"token_ids":[1]}',
    ),
  );
  assert.equal(logged.inspected.text, null);
});

test("usage of whole answers of both versions", () => {
  const usage = '{"tokens":{"input_tokens":3,"output_tokens":4}}';
  assert.equal(cohere.readUsage(Buffer.from(`{"id":"x","usage":${usage}}`))?.output, 4);
  assert.equal(cohereV1.readUsage(Buffer.from(`{"text":"x","meta":${usage}}`))?.input, 3);
  for (const body of ["", "[]", "{}", "<html>"]) assert.equal(cohere.readUsage(Buffer.from(body)), null);
});

test("errors in Cohere's shape, with the status its SDK has a class for", () => {
  const status = (kind: ConstructorParameters<typeof Failure>[0], own?: number) =>
    cohere.encodeError(
      new Failure(kind, "m", own === undefined ? { code: "c" } : { code: "c", status: own }),
      "r1",
    ).status;
  assert.deepEqual(
    [
      status("auth"),
      status("quota"),
      status("overloaded"),
      status("upstream_auth"),
      status("too_large"),
      status("bad_request", 422),
    ],
    [401, 402, 503, 500, 400, 422],
  );
  const answer = cohere.encodeError(
    new Failure("rate_limit", "slow down", { code: "c", retryAfterMs: 1500 }),
    "r1",
  );
  assert.deepEqual(JSON.parse(answer.body), { message: "slow down", id: "r1" });
  assert.ok(answer.headers.join().includes("retry-after,2"));
});

test("73: errors of the upstream: Cohere's, HTML, nothing", () => {
  assert.deepEqual(cohere.decodeError(429, '{"message":"too many","id":"x"}'), {
    status: 429,
    code: "",
    message: "too many",
    param: null,
    retryAfterMs: null,
    recognised: true,
  });
  const html = cohere.decodeError(502, `<html>${"x".repeat(500)}</html>`);
  assert.ok(!html.recognised && html.message.length === 300);
  for (const body of ["", "null", "[]", "3"]) assert.equal(cohere.decodeError(500, body).recognised, false);
});

test("an in-band error ends the relayed stream in Cohere's own way", () => {
  const failure = new Failure("upstream", "gone", { code: "upstream_error" });
  const { inspected, see } = watch(cohere);
  see(sse("message-start", ',"id":"id-1"'));
  assert.equal(
    cohere.encodeStreamError(failure, inspected),
    'event: message-end\ndata: {"type":"message-end","id":"id-1","delta":{"finish_reason":"ERROR","error":"gone"}}\n\n',
  );
  const old = watch(cohereV1);
  old.see(v1("stream-start", ',"generation_id":"id-1"'));
  old.see(v1("text-generation", ',"text":"a\\nb"'));
  const line = JSON.parse(cohereV1.encodeStreamError(failure, old.inspected));
  assert.deepEqual(
    [line.event_type, line.finish_reason, line.response.text],
    ["stream-end", "ERROR", "a\nb"],
  );
});

test("a relayed body changes its model and nothing else", () => {
  const relay = (body: string, refused: string[] = []) => {
    const conversion = new Conversion(cohere, cohere, { model: "command-a", convert: { refused } });
    const { large } = conversion.decodeRequest({ messages: [] });
    const bytes = Buffer.from(body);
    return Buffer.concat(
      applyEdits(bytes, cohere.passThroughEdits(bytes, conversion.convertContext(large))),
    ).toString();
  };
  assert.equal(relay('{ "x" : 1.0 , "model" : "alias" }'), '{ "x" : 1.0 , "model" : "command-a" }');
  assert.equal(relay('{"message":"x"}'), '{"message":"x","model":"command-a"}');
  assert.equal(
    relay('{"k":1,"message":"x","thinking":{}}', ["k", "thinking", "message"]),
    '{"message":"x","model":"command-a"}',
  );
  assert.throws(() => relay('{"model":"a","model":"b"}'), Failure);
});

test("no garbage makes the inspectors throw", () => {
  const seed = seedOf(17);
  const random = seededRandom(seed);
  const samples: [ChatProtocol, string][] = [
    [cohere, content('"type":"text","text":"a\\"b"')],
    [
      cohere,
      sse("message-end", ',"delta":{"finish_reason":"COMPLETE","usage":{"tokens":{"input_tokens":3}}}'),
    ],
    [cohereV1, v1("text-generation", ',"text":"a"')],
    [cohereV1, v1("stream-end", ',"finish_reason":"COMPLETE","response":{"text":"a","meta":{}}')],
  ];
  for (let round = 0; round < 5000; round++) {
    const [protocol, whole] = samples[Math.floor(random() * samples.length)] ?? [cohere, ""];
    const at = Math.floor(random() * whole.length);
    const cut = Math.floor(random() * 3);
    const text =
      whole.slice(0, at) +
      String.fromCharCode(32 + Math.floor(random() * 95)).repeat(cut) +
      whole.slice(at + 1);
    const { inspected, see } = watch(protocol);
    assert.doesNotThrow(() => {
      see(text);
      return [inspected.usage, inspected.position(), inspected.text];
    }, `SEED=${seed} round ${round}: ${text}`);
  }
});
