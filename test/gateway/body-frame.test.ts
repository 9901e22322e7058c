/** What changes of a body on its way to a target is the same whether it was worked out for a body like it or for itself. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { BodyFrame } from "../../src/gateway/body-frame.ts";
import type { Target } from "../../src/gateway/target.ts";
import { refusal } from "../support/fake-answers.ts";
import { simulateGateway } from "../support/simulated-gateway.ts";

const ANSWER = JSON.stringify({
  id: "c1",
  object: "chat.completion",
  model: "x",
  choices: [{ index: 0, message: { role: "assistant", content: "yes" }, finish_reason: "stop" }],
  usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
});

const TARGETS = [
  ["openai", "gpt-4.1"],
  ["openai", "gpt-5.1"],
  ["openai", "o3"],
  ["groq", "llama"],
  ["cerebras", "llama"],
  ["mistral", "mistral-large"],
  ["deepseek", "deepseek-chat"],
  ["openrouter", "any/model"],
  ["baseline", "m"],
] as const;

function gateway(dialect: string, model: string) {
  const toml = `[provider.a]\nbase_url = "https://a.invalid/v1"\napi_key = "key"\ndialect = "${dialect}"\n[model.m]\ntargets = [{ provider = "a", model = "${model}" }]\n`;
  return simulateGateway({
    toml,
    answer: () => [
      { afterMs: 1, head: 200, headers: ["content-type", "application/json"] },
      { afterMs: 1, data: ANSWER },
      { afterMs: 0, end: true },
    ],
  });
}

type Simulated = ReturnType<typeof gateway>;

/** What the target was sent, and what the caller got, without what differs from one request to the next. */
function told(simulated: Simulated, body: object | string): unknown {
  const { network, time } = simulated;
  const before = network.requests.length;
  const exchange = simulated.ask("/v1/chat/completions", body);
  time.advance(1000);
  assert.deepEqual(simulated.logged, []);
  assert.notEqual(exchange.how, "");
  const headers = exchange.answerHeaders.filter((_, i, all) => /warning|model/.test(all[i - (i % 2)] ?? ""));
  const text = exchange.text.replace(/"(?:created|id)":[^,}]*/g, "");
  return { sent: network.requests.slice(before).map(({ body: sent }) => sent), headers, text };
}

const USER = (text: string) => ({ role: "user", content: text });
const call = (id: string) => ({ id, type: "function", function: { name: "f", arguments: "{}" } });

const FRAMES: readonly ((text: string) => object)[] = [
  (text) => ({ model: "m", messages: [USER(text)], temperature: 0.2 }),
  (text) => ({ messages: [USER(text)], temperature: 1, top_p: 0.5, stop: ["x"], model: "m" }),
  (text) => ({ model: "m", messages: [{ role: "developer", content: "be kind" }, USER(text)], stream: true }),
  (text) => ({
    stream_options: { include_usage: false },
    messages: [USER(text)],
    stream: true,
    model: "m",
    max_tokens: 5,
    logit_bias: {},
    made_up: 1,
  }),
  (text) => ({ model: "m", messages: [USER(text)], reasoning_effort: "none", tools: [call("x")], seed: 1 }),
  (text) => ({
    model: "m",
    store: true,
    messages: [USER("hi"), { role: "assistant", content: null, tool_calls: [call(text)] }],
    max_completion_tokens: 5,
  }),
  (text) => ({
    model: "m",
    messages: [
      USER("hi"),
      { role: "assistant", tool_calls: [call("abc")] },
      { role: "tool", tool_call_id: text },
    ],
  }),
  (text) => ({ model: "m", messages: [{ ...USER("hi"), name: "tim" }, USER(text)], service_tier: "auto" }),
  (text) => ({
    model: "m",
    messages: [USER("hi"), { role: "assistant", content: "no", reasoning_content: text }],
  }),
  (text) => ({
    model: "m",
    messages: [
      USER("slc1.looks like a mark of ours"),
      { role: "assistant", tool_calls: [{ ...call("abc"), extra_content: { note: text } }] },
    ],
  }),
];

const TEXTS = [
  "Tell me a story",
  "Tell me another story",
  "abcdefghij",
  "developer!",
  'say "hi" to all of them',
  "slc1.abcdefghijklmnop",
  'a mark "slc1.abcdef" inside',
  "a long one ".repeat(50),
  "short",
  "Tell me a story",
  "call_0123456789abcdef",
];

test("bodies of one frame reach their target as they would if none had come before", () => {
  for (const [dialect, model] of TARGETS) {
    for (const frame of FRAMES) {
      const warm = gateway(dialect, model);
      for (const text of TEXTS) {
        const body = frame(text);
        assert.deepEqual(
          told(warm, body),
          told(gateway(dialect, model), body),
          JSON.stringify([dialect, model, body]),
        );
      }
    }
  }
});

test("a text that some target wants otherwise is no text of a frame", () => {
  const head = '{"model":"m","messages":[{"role":"user","content":"hi"},';
  const frames: readonly ((text: string) => string)[] = [
    (text) => `${head}{"role":"tool","tool_call_id":"${text}"}]}`,
    (text) => `${head}{"role":"assistant","tool_calls":[{"id":"${text}"}]}]}`,
    (text) => `${head}{"${text}" :"x"}]}`,
    (text) => `${head}{"${text}"\n: 1}]}`,
    (text) => `${head}{"role":"${text}"}]}`,
  ];
  const texts = [
    "something_else",
    "\\u0061bcdefghi",
    "something_else",
    "abcdefghi",
    "reasoning_content",
    "developer",
    "\\u0064eveloper",
    "tool_call_id",
    "something_else",
  ];
  for (const [dialect, model] of TARGETS) {
    for (const frame of frames) {
      const warm = gateway(dialect, model);
      for (const body of texts.map(frame))
        assert.deepEqual(told(warm, body), told(gateway(dialect, model), body), `${dialect}: ${body}`);
    }
  }
});

test("a member that a target refused is left out of the next body of the same frame", () => {
  const toml = `[provider.a]\nbase_url = "https://a.invalid/v1"\napi_key = "key"\n[model.m]\ntargets = [{ provider = "a", model = "x" }]\n`;
  let refuses = false;
  const simulated = simulateGateway({
    toml,
    answer: (request) => {
      const refused = refuses && "seed" in request.json();
      const error = { error: { message: "Unrecognized request argument supplied: seed", param: "seed" } };
      return [
        { afterMs: 1, head: refused ? 400 : 200, headers: ["content-type", "application/json"] },
        { afterMs: 1, data: refused ? JSON.stringify(error) : ANSWER },
        { afterMs: 0, end: true },
      ];
    },
  });
  const ask = (text: string) => told(simulated, { model: "m", messages: [USER(text)], seed: 1 });
  for (const text of TEXTS) ask(text);
  refuses = true;
  for (const text of TEXTS) ask(text);
  const sent = simulated.network.requests.slice(TEXTS.length).map((request) => "seed" in request.json());
  assert.deepEqual(sent, [true, ...TEXTS.map(() => false)]);
});

test("what was worked out for a body of one protocol is not done to the same body of another", () => {
  const toml = `[provider.a]\nollama = { url = "http://a.invalid:11434" }\n[model.m]\ntargets = [{ provider = "a", model = "x" }]\n`;
  const make = () => simulateGateway({ toml, answer: () => refusal(400, { error: "no" }) });
  const send = ({ network, time, ask }: Simulated, path: string, text: string) => {
    const before = network.requests.length;
    ask(path, { model: "m", stream: true, messages: [USER(text)] });
    time.advance(1000);
    return network.requests[before]?.body;
  };
  const [warm, fresh] = [make(), make()];
  for (const text of TEXTS) assert.match(String(send(warm, "/v1/chat/completions", text)), /include_usage/);
  const own = send(fresh, "/api/chat", "Tell me a story");
  assert.ok(own !== undefined);
  assert.deepEqual(send(warm, "/api/chat", "Tell me a story"), own);
});

test("edits behind the text move with it, and those beside it are not kept", () => {
  const list = { start: 30, end: 60 };
  const target = {} as Target;
  const capability = {};
  const before = { start: 5, end: 9, text: "x" };
  const behind = { start: 60, end: 60, text: "y" };
  const frame = new BodyFrame(40, list, { members: [] }, { texts: [], continues: false, userId: "" }, false);
  assert.equal(frame.recall(target, capability, 0), null);
  frame.keep(target, capability, 7, [before, { ...behind, start: 67, end: 67 }]);
  assert.deepEqual(frame.recall(target, capability, 0), [before, behind]);
  assert.deepEqual(frame.recall(target, capability, -3), [before, { ...behind, start: 57, end: 57 }]);
  assert.equal(frame.recall({} as Target, capability, 0), null);
  assert.equal(frame.recall(target, {}, 0), null);
  const other = new BodyFrame(40, list, { members: [] }, { texts: [], continues: false, userId: "" }, false);
  other.keep(target, capability, 7, [before, { start: 60, end: 64, text: "" }]);
  assert.equal(other.recall(target, capability, 7), null);
});
