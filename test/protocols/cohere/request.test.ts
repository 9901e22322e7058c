import assert from "node:assert/strict";
import { test } from "node:test";
import { Failure } from "../../../src/base/failure.ts";
import { cohere, cohereV1 } from "../../../src/protocols/cohere/cohere.ts";
import { openaiChat } from "../../../src/protocols/openai-chat/openai-chat.ts";
import type { ChatProtocol } from "../../../src/protocols/protocol.ts";
import { Conversion, type ConversionOptions } from "../support/conversion.ts";

function convert(from: ChatProtocol, to: ChatProtocol, body: unknown, options: ConversionOptions = {}) {
  const conversion = new Conversion(from, to, { model: "command-a", ...options });
  return { body: conversion.requestBody(body), warnings: conversion.warnings, conversion };
}

const ASK = { model: "m", messages: [{ role: "user", content: "hi" }] };
const TOOL = { type: "function", function: { name: "f", description: "d", parameters: { type: "object" } } };

test("a whole v2 conversation keeps its order, ids, plan, thoughts and pictures", () => {
  const messages = [
    { role: "system", content: "be short" },
    {
      role: "user",
      content: [
        { type: "text", text: "look" },
        { type: "image_url", image_url: { url: "data:image/png;base64,AAAA", detail: "high" } },
        { type: "image_url", image_url: { url: "https://example.com/a" } },
      ],
    },
    {
      role: "assistant",
      tool_plan: "I will look it up",
      tool_calls: [
        { id: "c1", type: "function", function: { name: "f", arguments: '{"a":1}' } },
        { id: "c2", type: "function", function: { name: "f", arguments: "{}" } },
      ],
    },
    { role: "tool", tool_call_id: "c1", content: "one" },
    {
      role: "tool",
      tool_call_id: "c2",
      content: [{ type: "document", document: { data: { text: "two" } } }],
    },
    {
      role: "assistant",
      content: [
        { type: "thinking", thinking: "hm" },
        { type: "text", text: "done" },
      ],
    },
    { role: "system", content: "now French" },
    { role: "user", content: "merci" },
  ];
  const { body, warnings } = convert(cohere, cohere, {
    model: "m",
    messages,
    tools: [TOOL],
    strict_tools: true,
  });
  assert.deepEqual(body.messages, messages);
  assert.deepEqual(body.tools, [TOOL]);
  assert.equal(body.strict_tools, true);
  assert.deepEqual(warnings, []);
});

test("94: a format beside tools or documents is dropped and told, alone it stays", () => {
  const format = { type: "json_schema", json_schema: { name: "x", schema: { type: "object" } } };
  const withTools = convert(openaiChat, cohere, { ...ASK, response_format: format, tools: [TOOL] });
  assert.equal(withTools.body.response_format, undefined);
  assert.deepEqual(withTools.warnings, ["unsupported_parameter:response_format"]);
  const alone = convert(openaiChat, cohere, { ...ASK, response_format: format });
  assert.deepEqual(alone.body.response_format, { type: "json_object", json_schema: { type: "object" } });
  const documents = convert(cohere, cohere, {
    ...ASK,
    documents: ["a"],
    response_format: { type: "json_object" },
    safety_mode: "STRICT",
  });
  assert.equal(documents.body.response_format, undefined);
  assert.equal(documents.body.safety_mode, undefined);
});

test("a JSON object without a schema makes the newest question ask for JSON, unless it does", () => {
  const hinted = convert(openaiChat, cohere, { ...ASK, response_format: { type: "json_object" } });
  assert.deepEqual(hinted.body.messages, [
    {
      role: "user",
      content: [
        { type: "text", text: "hi" },
        { type: "text", text: "Reply with one JSON object only." },
      ],
    },
  ]);
  const asked = convert(openaiChat, cohere, {
    messages: [{ role: "user", content: "JSON please" }],
    model: "m",
    response_format: { type: "json_object" },
  });
  assert.deepEqual(asked.body.messages, [{ role: "user", content: "JSON please" }]);
});

test("tool choice: one tool is offered alone, NONE and REQUIRED are said, auto is not", () => {
  const tools = ["a", "b"].map((name) => ({ type: "function", function: { name, parameters: {} } }));
  const choose = (tool_choice: unknown) => {
    const { body, warnings } = convert(openaiChat, cohere, { ...ASK, tools, tool_choice });
    return [body.tools.map((tool: typeof TOOL) => tool.function.name).join(), body.tool_choice, warnings];
  };
  assert.deepEqual(choose("auto"), ["a,b", undefined, []]);
  assert.deepEqual(choose("none"), ["a,b", "NONE", []]);
  assert.deepEqual(choose("required"), ["a,b", "REQUIRED", []]);
  assert.deepEqual(choose({ type: "function", function: { name: "b" } }), ["b", "REQUIRED", []]);
  const subset = {
    type: "allowed_tools",
    allowed_tools: { mode: "auto", tools: [{ type: "function", function: { name: "a" } }] },
  };
  assert.deepEqual(choose(subset), ["a", undefined, ["tool_subset:tool_choice"]]);
});

test("28: no tools means no choice; a tool without schema gets an empty object's", () => {
  const none = convert(openaiChat, cohere, { ...ASK, tools: [], tool_choice: "auto" }).body;
  assert.equal(none.tools, undefined);
  assert.equal(none.tool_choice, undefined);
  const { body } = convert(openaiChat, cohere, {
    ...ASK,
    tools: [{ type: "function", function: { name: "f" } }],
  });
  assert.deepEqual(body.tools[0].function.parameters, { type: "object", properties: {} });
});

test("sampling is clamped to Cohere's ranges and told; what it has no word for is told; n is refused", () => {
  const { body, warnings, conversion } = convert(openaiChat, cohere, {
    ...ASK,
    temperature: 1.5,
    top_p: 1,
    presence_penalty: -1,
    frequency_penalty: 0.5,
    seed: 3,
    stop: ["a", "b", "c", "d"],
    max_completion_tokens: 9,
    logit_bias: { 1: 2 },
  });
  assert.deepEqual(
    [body.temperature, body.p, body.presence_penalty, body.frequency_penalty, body.seed, body.max_tokens],
    [1.5, 0.99, 0, 0.5, 3, 9],
  );
  assert.deepEqual(warnings, [
    "presence_penalty_clamped:presence_penalty",
    "unsupported_sampling:logit_bias",
  ]);
  assert.deepEqual(conversion.emulatedStop, []);
  const many = convert(cohere, cohere, {
    ...ASK,
    stop_sequences: ["1", "2", "3", "4", "5", "6"],
    p: 0,
    k: 900,
  });
  assert.deepEqual(many.body.stop_sequences, ["1", "2", "3", "4", "5"]);
  assert.deepEqual(many.conversion.emulatedStop, ["6"]);
  assert.deepEqual([many.body.p, many.body.k], [0.01, 500]);
  assert.throws(
    () => convert(openaiChat, cohere, { ...ASK, n: 2 }),
    (error) => error instanceof Failure && error.status === 400 && error.param === "n",
  );
});

test("effort becomes a token budget, none switches thinking off", () => {
  const thinking = (effort: string) =>
    convert(openaiChat, cohere, { ...ASK, reasoning_effort: effort }).body.thinking;
  assert.deepEqual(thinking("none"), { type: "disabled" });
  for (const [effort, token_budget] of [
    ["minimal", 1024],
    ["low", 2048],
    ["medium", 8192],
    ["high", 16384],
    ["xhigh", 32000],
  ] as const)
    assert.deepEqual(thinking(effort), { type: "enabled", token_budget });
  assert.equal(convert(openaiChat, cohere, ASK).body.thinking, undefined);
  assert.deepEqual(
    convert(cohere, cohere, { ...ASK, thinking: { type: "enabled", token_budget: 700 } }).body.thinking,
    {
      type: "enabled",
      token_budget: 700,
    },
  );
});

test("documents of a v2 client become text for others and documents again for Cohere", () => {
  const request = {
    ...ASK,
    documents: ["plain", { id: "d", data: { title: "T", text: "body" } }, { data: { a: "1", b: "2" } }],
  };
  const chat = convert(cohere, openaiChat, request).body;
  assert.match(JSON.stringify(chat.messages), /plain/);
  assert.match(JSON.stringify(chat.messages), /T.*body/);
  assert.deepEqual(convert(cohere, cohere, request).body.documents, [
    { data: { text: "plain" } },
    { data: { title: "T", text: "body" } },
    { data: { text: '{"a":"1","b":"2"}' } },
  ]);
});

test("17: a name that Cohere refuses gets an alias in tools and history", () => {
  const name = "files.read-all";
  const { body } = convert(openaiChat, cohere, {
    model: "m",
    tools: [{ type: "function", function: { name: name.replace(".", "-"), parameters: {} } }],
    messages: [
      { role: "user", content: "x" },
      {
        role: "assistant",
        tool_calls: [
          { id: "c", type: "function", function: { name: name.replace(".", "-"), arguments: "{}" } },
        ],
      },
      { role: "tool", tool_call_id: "c", content: "y" },
    ],
  });
  const alias = body.tools[0].function.name;
  assert.match(alias, /^files_read_all_[0-9a-f]{8}$/);
  assert.equal(body.messages[1].tool_calls[0].function.name, alias);
});

test("24, 25: pictures in a result are dropped and told, an error is marked, an empty result is an empty string", () => {
  const turns = (parts: object[], isError = false) => {
    const conversion = new Conversion(cohere, cohere, { model: "command-a" });
    const { request, large } = conversion.decodeRequest(ASK);
    const encoded = cohere.encodeRequest(
      {
        ...request,
        turns: [
          ...request.turns,
          {
            role: "assistant",
            parts: [{ type: "call", id: "c", name: "f", arguments: "", kind: "function" }],
          },
          { role: "user", parts: [{ type: "result", callId: "c", isError, parts: parts as never }] },
        ],
      },
      conversion.convertContext(large),
    );
    return [JSON.parse(Buffer.concat(encoded.body).toString()).messages.slice(1), conversion.warnings];
  };
  const image = { type: "image", source: { kind: "base64", mime: "image/png", data: "A" } };
  assert.deepEqual(turns([{ type: "text", text: "t" }, image]), [
    [
      {
        role: "assistant",
        tool_calls: [{ id: "c", type: "function", function: { name: "f", arguments: "{}" } }],
      },
      { role: "tool", tool_call_id: "c", content: "t" },
    ],
    ["image_dropped:messages[2].content[0].content[1]"],
  ]);
  assert.equal(
    (turns([{ type: "text", text: "bad" }], true)[0] as { content: string }[])[1]?.content,
    "[tool error] bad",
  );
  assert.equal((turns([])[0] as { content: string }[])[1]?.content, "");
});

test("what Cohere cannot take is refused with its place", () => {
  const table: [unknown, string][] = [
    [{ model: "m" }, "messages"],
    [{ model: "m", messages: [{ role: "robot", content: "x" }] }, "messages[0].role"],
    [{ model: "m", messages: [{ role: "user", content: 3 }] }, "messages[0].content"],
    [
      { model: "m", messages: [{ role: "user", content: [{ type: "video" }] }] },
      "messages[0].content[0].type",
    ],
    [{ model: "m", messages: [{ role: "tool", content: "x" }] }, "messages[0].tool_call_id"],
    [{ ...ASK, tool_choice: "MAYBE" }, "tool_choice"],
    [{ ...ASK, p: "x" }, "p"],
  ];
  for (const [body, param] of table)
    assert.throws(
      () => convert(cohere, cohere, body),
      (error) => error instanceof Failure && error.status === 400 && error.param === param,
      param,
    );
  const pdf = {
    model: "m",
    messages: [
      {
        role: "user",
        content: [
          { type: "file", file: { filename: "a.pdf", file_data: "data:application/pdf;base64,AAAA" } },
        ],
      },
    ],
  };
  assert.throws(
    () => convert(openaiChat, cohere, pdf),
    (error) => error instanceof Failure && error.status === 400,
  );
});

const V1_HISTORY = {
  message: "",
  preamble: "be short",
  chat_history: [
    { role: "USER", message: "two cities" },
    {
      role: "CHATBOT",
      message: "I will ask",
      tool_calls: [
        { name: "w", parameters: { c: "A" } },
        { name: "w", parameters: { c: "B" } },
      ],
    },
  ],
  tool_results: [
    { call: { name: "w", parameters: { c: "B" } }, outputs: [{ t: 2 }] },
    { call: { name: "w", parameters: { c: "A" } }, outputs: [{ error: "no" }] },
  ],
  tools: [
    {
      name: "w",
      description: "weather",
      parameter_definitions: {
        c: { description: "city", type: "str", required: true },
        n: { type: "List[int]" },
      },
    },
  ],
};

test("v1: history, preamble, flat definitions and results without ids become a conversation with ids", () => {
  const { body } = convert(cohereV1, openaiChat, V1_HISTORY);
  const [system, user, assistant, first, second] = body.messages;
  assert.deepEqual([system.role, system.content], ["system", "be short"]);
  assert.equal(user.content, "two cities");
  const ids = assistant.tool_calls.map((call: { id: string }) => call.id);
  assert.equal(new Set(ids).size, 2);
  // Results stand in the order of the calls, whatever order they came in.
  assert.deepEqual([first.tool_call_id, second.tool_call_id], ids);
  assert.match(first.content, /no/);
  assert.equal(second.content, '{"t":2}');
  assert.deepEqual(body.tools[0].function.parameters, {
    type: "object",
    properties: {
      c: { type: "string", description: "city" },
      n: { type: "array", items: { type: "integer" } },
    },
    required: ["c"],
  });
});

test("v1 out and back: the last user turn is the message, results repeat their calls", () => {
  const { body } = convert(cohereV1, cohereV1, V1_HISTORY);
  assert.deepEqual(body.chat_history, V1_HISTORY.chat_history);
  assert.deepEqual(body.tool_results, [...V1_HISTORY.tool_results].reverse());
  assert.equal(body.message, "");
  assert.equal(body.preamble, "be short");
  assert.deepEqual(body.tools[0].parameter_definitions, {
    c: { description: "city", type: "str", required: true },
    n: { description: "", type: "List[int]", required: false },
  });
  const plain = convert(cohereV1, cohereV1, {
    message: "and now?",
    chat_history: [
      { role: "SYSTEM", message: "s" },
      { role: "USER", message: "a" },
      { role: "CHATBOT", message: "b" },
    ],
    response_format: { type: "json_object", schema: { type: "object" } },
  }).body;
  assert.equal(plain.message, "and now?");
  assert.equal(plain.preamble, "s");
  assert.deepEqual(plain.chat_history, [
    { role: "USER", message: "a" },
    { role: "CHATBOT", message: "b" },
  ]);
  assert.deepEqual(plain.response_format, { type: "json_object", schema: { type: "object" } });
});

test("v1: what the flat definitions cannot say is said in words", () => {
  const parameters = {
    type: "object",
    properties: {
      unit: { type: "string", enum: ["C", "F"], description: "which" },
      at: { type: "object", properties: { x: { type: "number" } } },
    },
    required: ["unit"],
  };
  const { body } = convert(openaiChat, cohereV1, {
    ...ASK,
    tools: [{ type: "function", function: { name: "f", parameters } }],
  });
  assert.deepEqual(body.tools[0].parameter_definitions, {
    unit: {
      description: 'which JSON Schema: {"type":"string","enum":["C","F"],"description":"which"}',
      type: "str",
      required: true,
    },
    at: {
      description: 'JSON Schema: {"type":"object","properties":{"x":{"type":"number"}}}',
      type: "dict",
      required: false,
    },
  });
});

test("v1: no choice: none offers nothing, required is told, pictures and state are refused", () => {
  const none = convert(openaiChat, cohereV1, { ...ASK, tools: [TOOL], tool_choice: "none" }).body;
  assert.equal(none.tools, undefined);
  assert.deepEqual(
    convert(openaiChat, cohereV1, { ...ASK, tools: [TOOL], tool_choice: "required" }).warnings,
    ["forced_tool_choice:tool_choice"],
  );
  const image = [{ type: "image_url", image_url: { url: "data:image/png;base64,AAAA" } }];
  for (const attempt of [
    () => convert(openaiChat, cohereV1, { model: "m", messages: [{ role: "user", content: image }] }),
    () => convert(cohereV1, cohereV1, { message: "x", conversation_id: "c" }),
    () => convert(cohereV1, cohereV1, { message: "x", search_queries_only: true }),
    () => convert(cohereV1, cohereV1, { message: "x", chat_history: [{ role: "X", message: "" }] }),
  ])
    assert.throws(attempt, (error) => error instanceof Failure && error.status === 400);
});

test("64-bit integers in arguments, schemas and results survive both versions", () => {
  const big = 12345678901234567890n;
  const v2 = new Conversion(cohere, cohereV1, { model: "c" }).requestText(
    `{"model":"m","messages":[{"role":"user","content":"x"},{"role":"assistant","tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{\\"n\\":${big}}"}}]},{"role":"tool","tool_call_id":"c","content":"{\\"m\\":${big}}"}]}`,
  );
  assert.ok(v2.includes(`"parameters":{"n":${big}}`) && v2.includes(`"outputs":[{"m":${big}}]`), v2);
  const v1 = new Conversion(cohereV1, cohere, { model: "c" }).requestText(
    `{"message":"","chat_history":[{"role":"CHATBOT","message":"","tool_calls":[{"name":"f","parameters":{"n":${big}}}]}],"tool_results":[{"call":{"name":"f","parameters":{"n":${big}}},"outputs":[{"m":1},{"m":${big}}]}]}`,
  );
  assert.ok(v1.includes(`"arguments":"{\\"n\\":${big}}"`) && v1.includes(`{\\"m\\":${big}}]`), v1);
});
