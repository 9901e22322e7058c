/** Responses bodies: from callers to other upstreams, from other callers to a Responses upstream, and relayed. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Failure } from "../../../src/base/failure.ts";
import { applyEdits } from "../../../src/base/json-edit.ts";
import { openaiChat } from "../../../src/protocols/openai-chat/openai-chat.ts";
import { openaiResponses } from "../../../src/protocols/openai-responses/openai-responses.ts";
import { encodeCarrier } from "../../../src/protocols/signature-carrier.ts";
import { Conversion, type ConversionOptions } from "../support/conversion.ts";
import { createPlainLarge } from "../support/plain-large.ts";

const OPENAI = { dialect: "openai" };

function toChat(options: ConversionOptions = OPENAI) {
  return new Conversion(openaiResponses, openaiChat, options);
}

function rejects(body: unknown, param: string) {
  assert.throws(
    () => toChat().requestBody(body),
    (error) => error instanceof Failure && error.status === 400 && error.param === param,
    param,
  );
}

function call(id: string, name = "f") {
  return { type: "function_call", id: `fc_${id}`, call_id: `call_${id}`, name, arguments: `{"n":${id}}` };
}

function output(id: string, text: unknown = `out ${id}`) {
  return { type: "function_call_output", call_id: `call_${id}`, output: text };
}

const USER = { role: "user", content: [{ type: "input_text", text: "go" }] };

test("18. three function_call items in a row are one assistant message with three tool_calls", () => {
  const body = {
    model: "m",
    input: [USER, call("1"), call("2"), call("3"), output("1"), output("2"), output("3")],
  };
  const { messages } = toChat().requestBody(body);
  assert.deepEqual(
    messages.map((message: { role: string }) => message.role),
    ["user", "assistant", "tool", "tool", "tool"],
  );
  assert.deepEqual(
    messages[1].tool_calls.map((each: { id: string }) => each.id),
    ["call_1", "call_2", "call_3"],
  );
  assert.equal(messages[4].content, "out 3");
});

test("19. a custom tool becomes a function with one input, its history too", () => {
  const body = {
    model: "m",
    input: [
      USER,
      { type: "custom_tool_call", call_id: "call_1", name: "apply", input: "*** x" },
      { type: "custom_tool_call_output", call_id: "call_1", output: "done" },
    ],
    tools: [
      { type: "custom", name: "apply", format: { type: "grammar", syntax: "lark", definition: "start: x" } },
    ],
  };
  const run = toChat({ dialect: "groq" });
  const sent = run.requestBody(body);
  assert.deepEqual(sent.tools[0].function.parameters.required, ["input"]);
  assert.deepEqual(JSON.parse(sent.messages[1].tool_calls[0].function.arguments), { input: "*** x" });
  const answer = run.answerBody({
    id: "chatcmpl-1",
    model: "x",
    choices: [
      {
        index: 0,
        finish_reason: "tool_calls",
        message: {
          role: "assistant",
          content: null,
          tool_calls: [
            { id: "c1", type: "function", function: { name: "apply", arguments: '{"input":"raw\\n"}' } },
          ],
        },
      },
    ],
  });
  assert.equal(answer.output[0].type, "custom_tool_call");
  assert.equal(answer.output[0].input, "raw\n");
});

test("21. members that mean stored state are refused by name, store is accepted and answered false", () => {
  for (const [name, value] of [
    ["previous_response_id", "resp_1"],
    ["conversation", "conv_1"],
    ["prompt", { id: "p" }],
    ["background", true],
  ] as const)
    rejects({ model: "m", input: "hi", [name]: value }, name);
  rejects({ model: "m", input: [USER, { id: "item_1" }] }, "input[1]");
  rejects({ model: "m", input: [] }, "input");
  rejects({ model: "m" }, "input");
  rejects({ model: "m", input: [USER, { type: "compaction", encrypted_content: "x" }] }, "input[1]");
  rejects({ model: "m", input: [USER, { type: "mcp_call" }] }, "input[1]");
  rejects(
    { model: "m", input: [{ role: "user", content: [{ type: "input_audio" }] }] },
    "input[0].content[0]",
  );
  rejects({ model: "m", input: "hi", tools: [{ type: "computer_use_preview" }] }, "tools[0]");
  const body = { model: "m", input: "hi", store: true };
  const run = toChat();
  assert.equal(run.requestBody(body).store, undefined);
  const answer = run.answerBody({
    choices: [{ index: 0, finish_reason: "stop", message: { content: "yo" } }],
  });
  assert.equal(answer.store, false);
});

test("only the leading system and developer messages are instructions", () => {
  const body = {
    model: "m",
    instructions: "be brief",
    input: [{ role: "developer", content: "dev" }, USER, { role: "system", content: "later" }, USER],
  };
  const { messages } = toChat().requestBody(body);
  assert.deepEqual(
    messages[0].content.map((part: { text: string }) => part.text),
    ["be brief", "dev"],
  );
  assert.deepEqual(
    messages.map((message: { role: string }) => message.role),
    ["system", "user", "system", "user"],
  );
});

test("Codex's request reaches a Chat upstream: groups flattened, hosted tools dropped with a warning", () => {
  const body = {
    model: "m",
    input: [{ type: "message", role: "developer", content: [{ type: "input_text", text: "rules" }] }, USER],
    tools: [
      {
        type: "function",
        name: "shell_command",
        strict: false,
        parameters: { type: "object", properties: {} },
      },
      {
        type: "namespace",
        name: "multi_agent_v1",
        description: "Agents.",
        tools: [{ type: "function", name: "spawn", description: "Spawns.", parameters: { type: "object" } }],
      },
      { type: "web_search" },
    ],
    tool_choice: "auto",
    parallel_tool_calls: true,
    reasoning: { effort: "high", summary: "auto" },
    store: false,
    stream: true,
    include: ["reasoning.encrypted_content"],
    prompt_cache_key: "k",
    text: { verbosity: "low" },
  };
  const run = toChat();
  const sent = run.requestBody(body);
  assert.deepEqual(
    sent.tools.map((each: { function: { name: string } }) => each.function.name),
    ["shell_command", "multi_agent_v1__spawn"],
  );
  assert.equal(sent.tools[1].function.description, "Agents.\n\nSpawns.");
  assert.ok(run.warnings.includes("hosted_tool:web_search"));
  const text = run.streamText([
    { id: "c", model: "x", choices: [{ index: 0, delta: { role: "assistant", content: "" } }] },
    {
      choices: [
        {
          index: 0,
          delta: {
            tool_calls: [
              {
                index: 0,
                id: "c1",
                type: "function",
                function: { name: "multi_agent_v1__spawn", arguments: "{}" },
              },
            ],
          },
        },
      ],
    },
    { choices: [{ index: 0, delta: {}, finish_reason: "tool_calls" }] },
    "[DONE]",
  ]);
  assert.match(text, /"namespace":"multi_agent_v1","name":"spawn"/);
});

test("tool outputs with images, errors and lists keep their content", () => {
  const image = { type: "input_image", image_url: "data:image/png;base64,iVBORw0KGgo=" };
  const body = {
    model: "m",
    input: [
      USER,
      call("1"),
      output("1", [{ type: "input_text", text: "see" }, image]),
      call("2"),
      output("2", "[tool error] no such file"),
    ],
  };
  const back = new Conversion(openaiResponses, openaiResponses);
  const { input } = back.requestBody(body);
  assert.deepEqual(input[2].output, [
    { type: "input_text", text: "see" },
    { ...image, detail: "auto" },
  ]);
  assert.equal(input[4].output, "[tool error] no such file");
});

test("a Responses upstream gets flat tools, strict said aloud, store false and no stop", () => {
  const body = {
    model: "m",
    messages: [
      { role: "system", content: "sys" },
      { role: "user", content: "hi" },
      {
        role: "assistant",
        content: null,
        tool_calls: [{ id: "c1", type: "function", function: { name: "f", arguments: "" } }],
      },
      { role: "tool", tool_call_id: "c1", content: "ok" },
    ],
    tools: [{ type: "function", function: { name: "f" } }],
    tool_choice: { type: "function", function: { name: "f" } },
    response_format: {
      type: "json_schema",
      json_schema: { name: "r", schema: { type: "object" }, strict: true },
    },
    max_tokens: 5,
    stop: ["END"],
    seed: 3,
    temperature: 0.5,
    reasoning_effort: "medium",
  };
  const run = new Conversion(openaiChat, openaiResponses, {
    model: "gpt-5.6",
    dialect: "openai",
    capability: { reasoningModel: true },
  });
  const sent = run.requestBody(body);
  assert.equal(sent.instructions, "sys");
  assert.deepEqual(sent.tools, [
    { type: "function", name: "f", parameters: { type: "object", properties: {} }, strict: false },
  ]);
  assert.deepEqual(sent.tool_choice, { type: "function", name: "f" });
  assert.deepEqual(sent.input.slice(1), [
    { type: "function_call", call_id: "c1", name: "f", arguments: "{}" },
    { type: "function_call_output", call_id: "c1", output: "ok" },
  ]);
  assert.deepEqual(sent.text.format, {
    type: "json_schema",
    name: "r",
    schema: { type: "object" },
    strict: false,
  });
  assert.equal(sent.max_output_tokens, 16);
  assert.equal(sent.store, false);
  assert.deepEqual(sent.include, ["reasoning.encrypted_content"]);
  assert.deepEqual(sent.reasoning, { effort: "medium", summary: "auto" });
  assert.deepEqual(run.emulatedStop, ["END"]);
  assert.equal(sent.temperature, undefined);
  assert.ok(run.warnings.includes("unsupported_parameter:temperature"));
  assert.ok(run.warnings.includes("unsupported_parameter:seed"));
  const plain = new Conversion(openaiChat, openaiResponses, { model: "gpt-4o" });
  const simple = plain.requestBody({
    model: "m",
    messages: [{ role: "user", content: "x" }],
    temperature: 0.5,
  });
  assert.equal(simple.temperature, 0.5);
  assert.equal(simple.reasoning, undefined);
  assert.equal(simple.include, undefined);
});

test("OpenAI's own reasoning goes back with its encrypted content and what follows it, never alone, never another's", () => {
  const reasoning = (value: string) => ({
    type: "reasoning",
    id: "rs_1",
    summary: [{ type: "summary_text", text: "t" }],
    encrypted_content: value,
  });
  const origin = { vendor: "openai" as const, model: "gpt-5", prefix: "" };
  const own = encodeCarrier(origin, [{ vendor: "openai", value: "ENC", id: "rs_9" }]);
  const foreign = encodeCarrier({ ...origin, vendor: "anthropic" }, [{ vendor: "anthropic", value: "S" }]);
  const sent = (input: unknown[]) =>
    new Conversion(openaiResponses, openaiResponses, { model: "gpt-5", dialect: "openai" }).requestBody({
      model: "m",
      input,
    }).input;
  assert.deepEqual(sent([USER, reasoning("ENC"), call("1"), output("1")])[1], reasoning("ENC"));
  assert.equal(sent([USER, reasoning(own), call("1"), output("1")])[1].id, "rs_9");
  assert.equal(sent([USER, reasoning(foreign), call("1"), output("1")])[1].type, "function_call");
  assert.equal(sent([USER, reasoning(""), call("1"), output("1")])[1].type, "function_call");
  assert.deepEqual(
    sent([USER, { ...call("1") }, output("1"), reasoning("ENC"), USER]).map(
      (item: { type: string }) => item.type,
    ),
    ["message", "function_call", "function_call_output", "message"],
  );
});

function relayed(body: unknown, context: Partial<ReturnType<Conversion["convertContext"]>> = {}) {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const run = new Conversion(openaiResponses, openaiResponses, { model: "gpt-x" });
  const bytes = Buffer.from(text);
  const edits = openaiResponses.passThroughEdits(bytes, {
    ...run.convertContext(createPlainLarge()),
    ...context,
  });
  return { text: Buffer.concat(applyEdits(bytes, edits)).toString(), warnings: run.warnings };
}

test("92. reasoning of our making is cut with the id of the call behind it, every other byte stays", () => {
  const mark = encodeCarrier({ vendor: "google", model: "g", prefix: "" }, []);
  const input = `{ "model":"alias", "input" : [ {"role":"user","content":"é"}, {"type":"reasoning","id":"rs_1","summary":[],"encrypted_content":"${mark}"},
    {"type":"function_call","id":"fc_1","call_id":"c","name":"f","arguments":"{}"},{"type":"function_call","call_id":"d","name":"f","arguments":"{}","id":"fc_2"},
    {"type":"reasoning","id":"rs_2","summary":[],"encrypted_content":"REAL"},{"type":"message","id":"msg_2","role":"assistant","content":[]}], "unknown":12345678901234567890}`;
  const expected = input
    .replace('"alias"', '"gpt-x"')
    .replace(/\{"type":"reasoning","id":"rs_1".*?\},\s*(?=\{"type":"function_call","id")/s, "")
    .replace('"id":"fc_1",', "")
    .replace(',"id":"fc_2"', "");
  assert.equal(relayed(input).text, expected);
  const empty = relayed({ model: "gpt-x", input: [{ type: "reasoning", encrypted_content: "" }] });
  assert.deepEqual(JSON.parse(empty.text).input, []);
  const all = relayed(input, { dropThinking: true });
  assert.equal(all.text.includes("reasoning"), false);
  assert.equal(all.text.includes("msg_2"), false);
});

test("a relayed body loses what the provider refused and the sampling that reasoning models refuse", () => {
  const body = { model: "m", input: "x", temperature: 1, top_p: 1, truncation: "auto" };
  assert.deepEqual(JSON.parse(relayed(body).text), { ...body, model: "gpt-x" });
  const reasoning = relayed(body, { capability: { reasoningModel: true }, refused: ["truncation"] });
  assert.deepEqual(JSON.parse(reasoning.text), { model: "gpt-x", input: "x" });
  const none = { ...body, reasoning: { effort: "none" } };
  assert.equal(JSON.parse(relayed(none, { capability: { reasoningModel: true } }).text).temperature, 1);
});

test("schemas and 64-bit integers reach a Chat upstream byte for byte", () => {
  const schema = '{"z":1,"a":{"const":9007199254740993},"$schema":"x"}';
  const body = `{"model":"m","input":"x","tools":[{"type":"function","name":"f","parameters":${schema}}]}`;
  assert.ok(toChat().requestText(body).includes(schema));
});

test("a server that imitates Responses gets functions for custom tools and none of OpenAI's hints", () => {
  const body = {
    model: "m",
    input: [
      { role: "developer", content: "d" },
      USER,
      { type: "custom_tool_call", call_id: "c1", name: "g", input: "raw" },
      { type: "custom_tool_call_output", call_id: "c1", output: "s" },
    ],
    tools: [{ type: "custom", name: "g" }],
    tool_choice: { type: "custom", name: "g" },
    prompt_cache_key: "k",
    safety_identifier: "u",
    metadata: { a: "b" },
  };
  const local = new Conversion(openaiResponses, openaiResponses, { model: "gpt-oss", dialect: "unknown" });
  const sent = local.requestBody(body);
  assert.deepEqual(Object.keys(sent).sort(), ["input", "model", "store", "tool_choice", "tools"]);
  assert.equal(sent.input[0].role, "system");
  assert.deepEqual(sent.input[2], {
    type: "function_call",
    call_id: "c1",
    name: "g",
    arguments: '{"input":"raw"}',
  });
  assert.equal(sent.input[3].type, "function_call_output");
  assert.deepEqual(sent.tool_choice, { type: "function", name: "g" });
  const output = [{ type: "function_call", call_id: "c2", name: "g", arguments: '{"input":"new"}' }];
  const answer = local.answerBody({ id: "r", model: "x", status: "completed", output });
  assert.deepEqual([answer.output[0].type, answer.output[0].input], ["custom_tool_call", "new"]);
  const real = new Conversion(openaiResponses, openaiResponses, {
    model: "gpt-5",
    dialect: "openai",
  }).requestBody(body);
  assert.equal(real.input[0].role, "developer");
  assert.equal(real.input[2].type, "custom_tool_call");
  assert.equal(real.prompt_cache_key, "k");
});
