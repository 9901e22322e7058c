/** Every row of the failure table (30-routing.md), per mode, against an upstream that really does it. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { answer, eventStream, jsonAnswer, sse } from "../support/answers.ts";
import { failoverConfig, startGateway } from "../support/gateway.ts";
import { openaiChat, openaiChatEvents, openaiCompletion, openaiError } from "../support/openai-answers.ts";
import { type Script, type ScriptedUpstream, startUpstream } from "../support/scripted-upstream.ts";
import { createSelfSigned } from "../support/tls.ts";

type Mode = "whole" | "stream";

interface Row {
  readonly name: string;
  /** What the first target does. */
  readonly does: Script | Modal;
  readonly modes?: readonly Mode[];
  /** Sends the first target saw. */
  readonly sends: number;
  /** Failures its averages and circuit counted. */
  readonly counted: number;
  /** Its word in /status afterwards. */
  readonly status: string;
  /** What the caller got: the second target's answer, the first one's, or an error of this status and code. */
  readonly caller:
    | "next"
    | "first"
    | { readonly status: number; readonly code: string; readonly message: RegExp };
  /** Milliseconds between the two sends, at least and at most. */
  readonly gap?: readonly [number, number];
  /** Milliseconds until the caller had its answer, at most. */
  readonly within?: number;
  readonly config?: string;
  /** Instead of a server that speaks: where the first target is said to be. */
  readonly url?: (upstream: ScriptedUpstream) => string;
  readonly tls?: { readonly cert: string; readonly key: string };
  readonly buildDate?: number;
}

const SHORT = `[timeouts]
connect = "3s"
first_token = "800ms"
first_token_max = "1600ms"
answer = "1600ms"
idle = "500ms"
[retry]
backoff_base = "1ms"
retry_after_max = "400ms"
`;

const BOTH: readonly Mode[] = ["whole", "stream"];
const text = "one two three four five six";
const events = openaiChatEvents({ text });
const head = (extra = "") => `HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n${extra}\r\n`;
const whole = JSON.stringify(openaiCompletion({ text }));
interface Modal {
  readonly whole: Script;
  readonly stream: Script;
}
const modes = (inWhole: Script, inStream: Script): Modal => ({ whole: inWhole, stream: inStream });
const status = (code: number, details: Parameters<typeof openaiError>[1] = {}): Script =>
  openaiError(code, details);
const html = "<!doctype html><html><body>Bad gateway</body></html>";

const gone = { counted: 2, sends: 2, status: "degraded", caller: "next" } as const;
const failed = { counted: 1, sends: 1, status: "degraded", caller: "next" } as const;
const benched = { counted: 0, sends: 1, status: "benched", caller: "next" } as const;

const ROWS: readonly Row[] = [
  { name: "a reset before any byte is asked once more, then left", does: { steps: ["rst"] }, ...gone },
  { name: "a close before any byte is asked once more, then left", does: { steps: ["close"] }, ...gone },
  {
    name: "a half-close before any byte is asked once more, then left",
    does: { steps: ["fin"] },
    ...gone,
  },
  {
    name: "a refused connection is tried once more, then left",
    does: { steps: [] },
    url: () => "http://127.0.0.1:1",
    ...gone,
    sends: 0,
  },
  {
    name: "a certificate nobody vouches for is tried once more, then left",
    does: openaiChat(),
    tls: createSelfSigned(),
    ...gone,
    sends: 0,
  },
  {
    name: "an expired certificate while the clock was never set is not the target's failure",
    does: openaiChat(),
    tls: createSelfSigned({ notBefore: Date.now() - 2e9, notAfter: Date.now() - 1e9 }),
    buildDate: Date.now() + 86_400_000,
    sends: 0,
    counted: 0,
    status: "open",
    caller: "next",
  },
  {
    name: "a connect that never ends is left after connect",
    does: { on: "connect", steps: ["stall"] },
    url: (upstream) => `https://127.0.0.1:${upstream.port}`,
    ...failed,
    sends: 0,
    config: "connect",
    within: 5000,
  },
  ...[500, 502, 503, 504, 520, 529, 408, 409].map(
    (code): Row => ({
      name: `${code} is asked once more after backoff, then left`,
      does: status(code),
      ...gone,
    }),
  ),
  ...[501, 505].map((code): Row => ({ name: `${code} is not asked again`, does: status(code), ...failed })),
  {
    name: "503 with a short Retry-After is asked again after that wait",
    does: status(503, { headers: { "retry-after-ms": "200" } }),
    ...gone,
    gap: [195, 1500],
  },
  {
    name: "503 with a Retry-After above retry_after_max is not asked again",
    does: status(503, { headers: { "retry-after": "5" } }),
    ...failed,
  },
  {
    name: "429 with a short Retry-After is waited out on the same target",
    does: (_request, index) =>
      index === 0
        ? openaiError(429, { headers: { "retry-after-ms": "200" } })
        : openaiChat({ text })(_request),
    sends: 2,
    counted: 0,
    status: "warm",
    caller: "first",
    gap: [195, 1500],
  },
  {
    name: "429 with a long Retry-After goes to the next at once and cools the target",
    does: status(429, { headers: { "retry-after": "20" } }),
    sends: 1,
    counted: 0,
    status: "limited",
    caller: "next",
    within: 5000,
  },
  {
    name: "429 without a Retry-After is asked again after backoff, then left to cool",
    does: status(429),
    sends: 2,
    counted: 0,
    status: "limited",
    caller: "next",
  },
  {
    name: "413 for a request that is too large for the quota goes to the next, unblamed",
    does: status(413, {
      message: "Request too large for model `x` on tokens per minute (TPM): Limit 6000, Requested 9000",
      code: "rate_limit_exceeded",
    }),
    sends: 1,
    counted: 0,
    status: "cold",
    caller: "next",
  },
  { name: "429 insufficient_quota benches", does: status(429, { code: "insufficient_quota" }), ...benched },
  { name: "402 benches", does: status(402, { message: "payment required" }), ...benched },
  {
    name: "400 about a credit balance benches",
    does: status(400, { message: "Your credit balance is too low to access the API" }),
    ...benched,
  },
  { name: "401 benches", does: status(401, { code: "invalid_api_key" }), ...benched },
  {
    name: "400 about an API key benches",
    does: status(400, { message: "API key not valid. Please pass a valid API key." }),
    ...benched,
  },
  {
    name: "403 that names a permission benches",
    does: status(403, { message: "You do not have permission to access this API key's project" }),
    ...benched,
  },
  { name: "498 benches", does: status(498, { message: "invalid token" }), ...benched },
  {
    name: "403 of a firewall is about this request: no other target",
    does: answer({ status: 403, headers: { "content-type": "text/html" }, body: html }),
    sends: 1,
    counted: 0,
    status: "cold",
    caller: { status: 403, code: "forbidden", message: /Bad gateway|403/ },
  },
  {
    name: "404 model_not_found is misconfigured for five minutes",
    does: status(404, { code: "model_not_found", message: "The model `x` does not exist" }),
    ...benched,
    status: "misconfigured",
  },
  {
    name: "404 without a recognised body is misconfigured for five minutes",
    does: answer({ status: 404, headers: { "content-type": "text/html" }, body: "<html>nginx</html>" }),
    ...benched,
    status: "misconfigured",
  },
  {
    name: "404 about a file of the caller's is relayed",
    does: status(404, { code: "file_not_found", message: "No such file" }),
    sends: 1,
    counted: 0,
    status: "cold",
    caller: { status: 404, code: "file_not_found", message: /No such file/ },
  },
  {
    name: "accepted and never answered: late, the next is asked beside it",
    does: { steps: ["stall"] },
    modes: ["stream"],
    sends: 1,
    counted: 0,
    status: "suspect",
    caller: "next",
    within: 5000,
  },
  {
    name: "headers and then silence: late, the next is asked beside it",
    does: { steps: [{ send: head("transfer-encoding: chunked\r\n") }, "stall"] },
    modes: ["stream"],
    sends: 1,
    counted: 0,
    status: "suspect",
    caller: "next",
    within: 5000,
  },
  {
    name: "a role-only event and then silence: late, the next is asked beside it",
    does: eventStream(events, { breakAfter: 1, how: "stall" }),
    modes: ["stream"],
    sends: 1,
    counted: 0,
    status: "suspect",
    caller: "next",
    within: 5000,
  },
  {
    name: "accepted and never answered: given up at answer, not asked again",
    does: { steps: ["stall"] },
    modes: ["whole"],
    ...failed,
    within: 5000,
  },
  {
    name: "headers and then silence: given up at answer, not asked again",
    does: {
      steps: [
        { send: "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n" },
        "stall",
      ],
    },
    modes: ["whole"],
    ...failed,
    within: 5000,
  },
  {
    name: "silence inside a body that has begun: given up after idle",
    does: jsonAnswer(openaiCompletion({ text }), {
      pieces: [whole.slice(0, 40), whole.slice(40)],
      breakAfter: 1,
      how: "stall",
    }),
    modes: ["whole"],
    ...failed,
    within: 5000,
  },
  {
    name: "a slow drip that never ends is given up at answer",
    does: {
      steps: [
        {
          send: `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${whole.length}\r\n\r\n`,
        },
        { drip: whole, bytes: 4, everyMs: 100 },
      ],
    },
    modes: ["whole"],
    ...failed,
    within: 5000,
  },
  {
    name: "400 context_length_exceeded goes to no target that is not larger",
    does: status(400, { code: "context_length_exceeded", message: "maximum context length is 10" }),
    config: "small",
    sends: 1,
    counted: 0,
    status: "cold",
    caller: { status: 400, code: "context_length_exceeded", message: /maximum context length/ },
  },
  {
    name: "400 context_length_exceeded goes to a target of unknown context",
    does: status(400, { code: "context_length_exceeded", message: "maximum context length is 10" }),
    sends: 1,
    counted: 0,
    status: "cold",
    caller: "next",
  },
  {
    name: "400 about a parameter is asked again at once without it",
    does: (request, index) =>
      index === 0
        ? openaiError(400, {
            code: "unsupported_parameter",
            param: "temperature",
            message: "Unsupported parameter: 'temperature'",
          })
        : openaiChat({ text: request.body.includes("temperature") ? "still there" : text })(request),
    sends: 2,
    counted: 0,
    status: "warm",
    caller: "first",
  },
  {
    name: "a content filter's refusal goes to no other target",
    does: status(400, {
      code: "content_policy_violation",
      message: "Your request was rejected as a result of our safety system",
    }),
    sends: 1,
    counted: 0,
    status: "cold",
    caller: { status: 400, code: "content_policy_violation", message: /safety system/ },
  },
  {
    name: "any other 400 is relayed",
    does: status(400, { code: "invalid_value", param: "messages", message: "messages must not be empty" }),
    sends: 1,
    counted: 0,
    status: "cold",
    caller: { status: 400, code: "invalid_value", message: /must not be empty/ },
  },
  {
    name: "422 is relayed with its own status",
    does: status(422, { message: "tools[0] is wrong" }),
    sends: 1,
    counted: 0,
    status: "cold",
    caller: { status: 422, code: "", message: /tools\[0\]/ },
  },
  {
    name: "a redirect is not followed",
    does: answer({ status: 302, headers: { location: "http://127.0.0.1:1/" }, body: "" }),
    ...failed,
  },
  {
    name: "an answer the parser refuses is not asked again",
    does: { steps: [{ send: "HTTP/1.1 200 OK\r\nbad header line\r\n\r\n" }] },
    ...failed,
  },
  {
    name: "a bad chunk is not asked again",
    does: modes(
      {
        steps: [
          {
            send: "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
          },
        ],
      },
      { steps: [{ send: `${head("transfer-encoding: chunked\r\n")}zz\r\n` }] },
    ),
    ...failed,
  },
  {
    name: "a body shorter than its length is asked once more, then left",
    does: answer({
      headers: { "content-type": "application/json" },
      body: whole.slice(0, -9),
      contentLength: whole.length,
      breakAfter: 1,
      how: "close",
    }),
    modes: ["whole"],
    ...gone,
  },
  {
    name: "a chunked body without its last chunk is asked once more, then left",
    does: answer({
      headers: { "content-type": "application/json" },
      pieces: [whole.slice(0, 30), whole.slice(30, 60)],
      breakAfter: 2,
      how: "rst",
    }),
    modes: ["whole"],
    ...gone,
  },
  {
    name: "JSON that is not complete is asked once more, then left",
    does: answer({ headers: { "content-type": "application/json" }, body: whole.slice(0, -20) }),
    modes: ["whole"],
    ...gone,
  },
  {
    name: "200 with an error body goes to the next",
    does: jsonAnswer({ error: { message: "internal trouble", type: "server_error", code: null } }),
    ...failed,
  },
  {
    name: "a stream whose first event is an error goes to the next",
    does: eventStream([sse({ error: { message: "overloaded", type: "server_error" } })]),
    modes: ["stream"],
    ...failed,
  },
  {
    name: "200 without a body goes to the next",
    does: modes(answer({ headers: { "content-type": "application/json" }, body: "" }), eventStream([])),
    ...failed,
  },
  {
    name: "a stream that ends with neither content nor finish reason goes to the next",
    does: eventStream(events.slice(0, 1)),
    modes: ["stream"],
    ...failed,
  },
  {
    name: "200 with an HTML page goes to the next",
    does: answer({ headers: { "content-type": "text/html" }, body: html }),
    ...failed,
  },
  {
    name: "200 with HTML under a JSON type goes to the next",
    does: answer({ headers: { "content-type": "application/json" }, body: html }),
    ...failed,
  },
  {
    name: "a stream cut before content goes to the next",
    does: eventStream(events, { breakAfter: 1, how: "rst" }),
    modes: ["stream"],
    ...failed,
  },
  {
    name: "a malformed event in the middle is dropped and the stream goes on",
    does: eventStream([...events.slice(0, 3), sse('{"choices": [{"delta"'), ...events.slice(3)]),
    modes: ["stream"],
    sends: 1,
    counted: 0,
    status: "warm",
    caller: "first",
  },
  {
    name: "a finish reason without [DONE] is a whole answer",
    does: eventStream(openaiChatEvents({ text, done: false })),
    modes: ["stream"],
    sends: 1,
    counted: 0,
    status: "warm",
    caller: "first",
  },
  {
    name: "a finish reason and then a reset is a whole answer",
    does: eventStream(openaiChatEvents({ text, done: false }), {
      breakAfter: openaiChatEvents({ text, done: false }).length,
      how: "rst",
    }),
    modes: ["stream"],
    sends: 1,
    counted: 0,
    status: "warm",
    caller: "first",
  },
  {
    name: "a finish reason and then silence is a whole answer after 2 s",
    does: eventStream(openaiChatEvents({ text, done: false }), {
      breakAfter: openaiChatEvents({ text, done: false }).length,
      how: "stall",
    }),
    modes: ["stream"],
    sends: 1,
    counted: 0,
    status: "warm",
    caller: "first",
    within: 5000,
  },
  {
    name: "[DONE] after content without a finish reason is a whole answer",
    does: eventStream(openaiChatEvents({ text, finishChunk: false })),
    modes: ["stream"],
    sends: 1,
    counted: 0,
    status: "warm",
    caller: "first",
  },
  ...(["rst", "close", "fin"] as const).map(
    (how): Row => ({
      name: `a stream ended by ${how} after content is finished by the next`,
      does: eventStream(events, { breakAfter: 4, how }),
      modes: ["stream"],
      sends: 1,
      counted: 1,
      status: "degraded",
      caller: "first",
    }),
  ),
  {
    name: "a stream that stalls after content is finished by the next after idle",
    does: eventStream(events, { breakAfter: 4, how: "stall" }),
    modes: ["stream"],
    sends: 1,
    counted: 1,
    status: "degraded",
    caller: "first",
    within: 5000,
  },
  {
    name: "an error event after content: finished by the next",
    does: eventStream([
      ...events.slice(0, 4),
      sse({ error: { message: "overloaded", type: "server_error" } }),
    ]),
    modes: ["stream"],
    sends: 1,
    counted: 1,
    status: "degraded",
    caller: "first",
  },
  {
    name: "a stream cut after content, without continuation: an error in-band and no end",
    does: eventStream(events, { breakAfter: 4, how: "rst" }),
    modes: ["stream"],
    config: "continuation = false",
    sends: 1,
    counted: 1,
    status: "degraded",
    caller: { status: 200, code: "upstream_error", message: /a\/model-a/ },
  },
];

/** Goes on where the first target stopped, or answers by itself. */
const second: Script = (request) => {
  const asked = JSON.parse(request.body.toString()) as {
    messages: { role: string; content: string }[];
    stream?: boolean;
  };
  const so = asked.messages.find((message) => message.role === "assistant")?.content;
  return openaiChat({ text: so === undefined ? "from b" : text.slice(so.length) })(request);
};

describe("the failure table", { concurrency: 8 }, () => {
  for (const row of ROWS) {
    for (const mode of row.modes ?? BOTH) {
      test(`${row.name} (${mode})`, async () => {
        const script = "whole" in row.does ? row.does[mode] : row.does;
        const first = await startUpstream(script, row.tls === undefined ? {} : { tls: row.tls });
        const next = await startUpstream(second);
        const toml = failoverConfig([row.url?.(first) ?? first.url, next.url], SHORT);
        const sluice = await startGateway(
          adapt(toml, row.config),
          row.buildDate === undefined ? {} : { buildDate: row.buildDate },
        );
        try {
          const began = performance.now();
          const got = await sluice.post("/v1/chat/completions", {
            model: "m",
            messages: [{ role: "user", content: "hi" }],
            temperature: 0.5,
            stream: mode === "stream",
          });
          const took = performance.now() - began;
          checkCaller(row, mode, got);
          if (row.within !== undefined) assert.ok(took < row.within, `took ${took} ms`);
          assert.equal(first.requests.length, row.sends, "sends to the first target");
          if (row.gap !== undefined) {
            const gap = (first.requests[1]?.headAt ?? 0) - (first.requests[0]?.headAt ?? 0);
            assert.ok(gap >= row.gap[0] && gap <= row.gap[1], `${gap} ms between the sends`);
          }
          const target = sluice.gateway.status().models[0]?.targets[0];
          assert.equal(target?.failures, row.counted, "failures counted");
          assert.equal(target?.status, row.status);
          assert.equal(sluice.gateway.status().memory.bodies.used, 0);
          assert.equal(sluice.gateway.active, 0);
        } finally {
          await sluice.close();
          await first.close();
          await next.close();
        }
      });
    }
  }
});

function adapt(toml: string, config: string | undefined): string {
  if (config === undefined) return toml;
  if (config === "connect") return toml.replace('connect = "3s"', 'connect = "150ms"');
  if (config === "small") {
    return toml
      .replace('model = "model-a" }', 'model = "model-a", max_context = 1000 }')
      .replace('model = "model-b" }', 'model = "model-b", max_context = 1000 }');
  }
  return `${toml}${config}\n`;
}

function checkCaller(
  row: Row,
  mode: Mode,
  got: Awaited<ReturnType<Awaited<ReturnType<typeof startGateway>>["post"]>>,
): void {
  const { caller } = row;
  if (typeof caller === "object") {
    assert.equal(got.status, caller.status, got.text);
    const error = mode === "stream" && caller.status === 200 ? lastData(got.text).error : got.json().error;
    if (caller.code !== "") assert.equal(error.code, caller.code);
    assert.match(error.message, caller.message);
    assert.doesNotMatch(got.text, /\[DONE\]/);
    return;
  }
  assert.equal(got.status, 200, got.text);
  const said = mode === "whole" ? got.json().choices[0].message.content : contentOf(got.text);
  assert.equal(said, caller === "next" ? "from b" : text);
  if (mode === "stream") assert.match(got.text, /data: \[DONE\]\n\n$/);
  const who = caller === "next" ? "b" : "a";
  assert.equal(got.headers.get("x-sluice-provider"), who);
}

function lastData(stream: string): ReturnType<typeof JSON.parse> {
  const blocks = stream.trimEnd().split("\n\n");
  return JSON.parse((blocks.at(-1) ?? "").replace(/^data: /, ""));
}

function contentOf(stream: string): string {
  let said = "";
  for (const block of stream.split("\n\n")) {
    if (!block.startsWith("data: {")) continue;
    said += JSON.parse(block.slice(6)).choices[0]?.delta?.content ?? "";
  }
  return said;
}

test("with two candidates, one that finished does not end the other", { timeout: 10_000 }, async () => {
  const chunk = (index: number, delta: object, finish_reason: string | null = null) =>
    sse({
      id: "c",
      object: "chat.completion.chunk",
      created: 1,
      model: "x",
      choices: [{ index, delta, finish_reason }],
    });
  const pieces = [
    chunk(0, { role: "assistant", content: "zero" }),
    chunk(1, { role: "assistant", content: "one" }),
    chunk(0, {}, "stop"),
    ...Array.from({ length: 12 }, (_, index) => chunk(1, { content: ` ${index}` })),
    chunk(1, {}, "stop"),
    sse("[DONE]"),
  ];
  const upstream = await startUpstream(eventStream(pieces, { everyMs: 220 }));
  const sluice = await startGateway(failoverConfig([upstream.url], SHORT));
  try {
    const ask = { model: "m", messages: [{ role: "user", content: "hi" }], n: 2, stream: true };
    const { text: got } = await sluice.post("/v1/chat/completions", ask);
    assert.match(got, /" 11"/);
    assert.match(got, /\[DONE\]\n\n$/);
  } finally {
    await sluice.close();
    await upstream.close();
  }
});
