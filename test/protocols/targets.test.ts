import assert from "node:assert/strict";
import { test } from "node:test";
import { Ajv } from "ajv";
import { Failure } from "../../src/base/failure.ts";
import { cohere, cohereV1 } from "../../src/protocols/cohere/cohere.ts";
import { gemini } from "../../src/protocols/gemini/gemini.ts";
import { ollama } from "../../src/protocols/ollama/ollama.ts";
import { openaiChat } from "../../src/protocols/openai-chat/openai-chat.ts";
import { openaiResponses } from "../../src/protocols/openai-responses/openai-responses.ts";
import type { ChatProtocol } from "../../src/protocols/protocol.ts";
import { seededRandom, seedOf } from "../support/seed.ts";
import { cohereRequestSchema, cohereV1RequestSchema } from "./schemas/cohere.ts";
import { checkGeminiTurns, geminiRequestSchema } from "./schemas/gemini.ts";
import { ollamaRequestSchema } from "./schemas/ollama.ts";
import { checkResponsesInput, responsesRequestSchema } from "./schemas/openai-responses.ts";
import { CHAT_REQUESTS } from "./support/chat-requests.ts";
import { Conversion, type ConversionOptions, sseData } from "./support/conversion.ts";
import { COHERE_BODY, COHERE_V1_BODY, GEMINI_BODY } from "./support/fuzz-bodies.ts";

const ajv = new Ajv({ allErrors: true, strict: false });
const TARGETS: readonly (readonly [string, ChatProtocol, object, ConversionOptions])[] = [
  ["gemini 3", gemini, geminiRequestSchema, { model: "gemini-3-pro-preview" }],
  ["gemini 2.5", gemini, geminiRequestSchema, { model: "gemini-2.5-flash" }],
  [
    "gemini 2.0 on vertex",
    gemini,
    geminiRequestSchema,
    { model: "gemini-2.0-flash", providerKind: "vertex" },
  ],
  ["cohere v2", cohere, cohereRequestSchema, { model: "command-a" }],
  ["cohere v1", cohereV1, cohereV1RequestSchema, { model: "command-r" }],
  ["responses", openaiResponses, responsesRequestSchema, { model: "gpt-5.6", dialect: "openai" }],
  [
    "responses without reasoning",
    openaiResponses,
    responsesRequestSchema,
    { model: "gpt-4o", dialect: "openai" },
  ],
  ["responses of an unknown host", openaiResponses, responsesRequestSchema, { model: "qwen3" }],
  ["ollama", ollama, ollamaRequestSchema, { model: "qwen3" }],
];

for (const [name, protocol, schema, options] of TARGETS) {
  // biome-ignore lint/suspicious/noExplicitAny: bodies of every shape
  const validate = ajv.compile<any>(schema);
  for (const [kind, request] of Object.entries(CHAT_REQUESTS)) {
    test(`a Chat request (${kind}) becomes a body that ${name} takes`, () => {
      const conversion = new Conversion(openaiChat, protocol, options);
      const convert = () => conversion.requestBody({ model: "m", ...request });
      if (protocol === cohereV1 && kind === "image") {
        assert.throws(convert, (error) => error instanceof Failure && error.status === 400);
        return;
      }
      const body = convert();
      assert.ok(validate(body), `${JSON.stringify(validate.errors?.slice(0, 3))}\n${JSON.stringify(body)}`);
      if (protocol === gemini) assert.equal(checkGeminiTurns(body), null, JSON.stringify(body.contents));
      if (protocol === openaiResponses)
        assert.equal(checkResponsesInput(body), null, JSON.stringify(body.input));
    });
  }
}

const ASK = { model: "m", messages: [{ role: "user", content: "hi" }] };
const gemini3 = { model: "gemini-3-pro-preview" };

test("31: n = 2 to Gemini is two candidates and two choices", () => {
  const conversion = new Conversion(openaiChat, gemini, gemini3);
  assert.equal(conversion.requestBody({ ...ASK, n: 2 }).generationConfig.candidateCount, 2);
  const answer = conversion.answerBody({
    candidates: [
      { content: { parts: [{ text: "a" }] }, finishReason: "STOP" },
      { index: 1, content: { parts: [{ text: "b" }] }, finishReason: "MAX_TOKENS" },
    ],
  });
  assert.deepEqual(
    answer.choices.map((choice: { index: number; message: { content: string }; finish_reason: string }) => [
      choice.index,
      choice.message.content,
      choice.finish_reason,
    ]),
    [
      [0, "a", "stop"],
      [1, "b", "length"],
    ],
  );
});

test("57: a Chat client of Gemini sees thoughts inside its completion tokens", () => {
  const conversion = new Conversion(openaiChat, gemini, gemini3);
  conversion.requestBody(ASK);
  const { usage } = conversion.answerBody({
    candidates: [{ content: { parts: [{ text: "a" }] }, finishReason: "STOP" }],
    usageMetadata: { promptTokenCount: 8, candidatesTokenCount: 10, thoughtsTokenCount: 50 },
  });
  assert.deepEqual(
    [usage.completion_tokens, usage.completion_tokens_details.reasoning_tokens, usage.total_tokens],
    [60, 50, 68],
  );
});

test("60: a blocked prompt is a refusal with content_filter for a Chat client, a malformed call a failure", () => {
  const conversion = new Conversion(openaiChat, gemini, gemini3);
  conversion.requestBody(ASK);
  const [choice] = conversion.answerBody({ promptFeedback: { blockReason: "SAFETY" } }).choices;
  assert.deepEqual(
    [choice.message.content, choice.message.refusal, choice.finish_reason],
    [null, "SAFETY", "content_filter"],
  );
  assert.throws(
    () => conversion.answerBody({ candidates: [{ finishReason: "MALFORMED_FUNCTION_CALL" }] }),
    (error) => error instanceof Failure && error.status === 502,
  );
});

test("13, 15: Gemini's signature travels through a Chat client and back; the ids fit OpenAI and hold no signature", () => {
  const first = new Conversion(openaiChat, gemini, gemini3);
  first.requestBody({ ...ASK, tools: [{ type: "function", function: { name: "f" } }] });
  const signature = "U0lHTkFUVVJF".repeat(20);
  const { message } = first.answerBody({
    candidates: [
      {
        content: { parts: [{ functionCall: { name: "f", args: { a: 1 } }, thoughtSignature: signature }] },
        finishReason: "STOP",
      },
    ],
  }).choices[0];
  const [call] = message.tool_calls;
  assert.ok(call.id.length <= 40 && !call.id.includes(signature.slice(0, 8)));
  const history = (toolCalls: unknown) => ({
    ...ASK,
    messages: [
      ...ASK.messages,
      { ...message, tool_calls: toolCalls },
      { role: "tool", tool_call_id: call.id, content: "ok" },
    ],
  });
  const echoed = new Conversion(openaiChat, gemini, gemini3).requestBody(history(message.tool_calls));
  assert.equal(echoed.contents[1].parts[0].thoughtSignature, signature);
  // Most clients drop the extra member: then the gateway remembers, and after that the documented escape serves.
  const bare = history([{ id: call.id, type: "function", function: call.function }]);
  assert.equal(
    new Conversion(openaiChat, gemini, gemini3).requestBody(bare).contents[1].parts[0].thoughtSignature,
    "skip_thought_signature_validator",
  );
  const toOpenai = new Conversion(openaiChat, openaiChat).requestText(history(message.tool_calls));
  assert.ok(!toOpenai.includes(signature));
});

test("59: a signature on a last empty text reaches a Chat client as no text at all", () => {
  const conversion = new Conversion(openaiChat, gemini, gemini3);
  conversion.requestBody({ ...ASK, stream: true });
  const chunks = sseData(
    conversion.streamText([
      { candidates: [{ content: { parts: [{ text: "Hi" }] } }] },
      {
        candidates: [{ content: { parts: [{ text: "", thoughtSignature: "U0lH" }] }, finishReason: "STOP" }],
      },
    ]),
  );
  const contents = chunks
    .flatMap((chunk) => chunk.choices.map((choice: { delta: { content?: string } }) => choice.delta.content))
    .filter((text) => text !== undefined);
  assert.deepEqual(
    contents.filter((text) => text !== ""),
    ["Hi"],
  );
});

test("93: a Gemini client's own schema reaches a Chat upstream as JSON Schema", () => {
  const conversion = new Conversion(gemini, openaiChat);
  const body = conversion.requestBody({
    contents: [{ parts: { text: "hi" } }],
    tools: [
      {
        function_declarations: [
          {
            name: "f",
            parameters: {
              type: "OBJECT",
              properties: { s: { type: "STRING", nullable: true, min_length: "2" } },
            },
          },
        ],
      },
    ],
  });
  assert.deepEqual(body.tools[0].function.parameters.properties.s, {
    type: ["string", "null"],
    minLength: 2,
  });
  assert.deepEqual(body.messages, [{ role: "user", content: "hi" }]);
});

test("a Chat upstream's reasoning, text and calls reach Gemini and Cohere clients", () => {
  const answer = {
    id: "chatcmpl-1",
    object: "chat.completion",
    created: 1,
    model: "gpt-x",
    choices: [
      {
        index: 0,
        finish_reason: "stop",
        message: {
          role: "assistant",
          reasoning_content: "hm",
          content: "Hi",
          tool_calls: [{ id: "c", type: "function", function: { name: "f", arguments: '{"a":1}' } }],
        },
      },
    ],
    usage: { prompt_tokens: 3, completion_tokens: 4, total_tokens: 7 },
  };
  const google = new Conversion(gemini, openaiChat);
  google.requestBody({
    contents: [{ parts: [{ text: "x" }] }],
    generationConfig: { thinkingConfig: { includeThoughts: true } },
  });
  const { candidates } = google.answerBody(answer);
  assert.deepEqual(candidates[0].content.parts, [
    { text: "hm", thought: true },
    { text: "Hi" },
    { functionCall: { id: "c", name: "f", args: { a: 1 } } },
  ]);
  const v2 = new Conversion(cohere, openaiChat);
  v2.requestBody(ASK);
  const body = v2.answerBody(answer);
  assert.deepEqual(
    [body.finish_reason, body.message.tool_plan, body.message.content],
    ["TOOL_CALL", "hm", [{ type: "text", text: "Hi" }]],
  );
});

test("a picture of 8 MiB goes from Gemini's client to every target without becoming a string", () => {
  const data = `iVBORw0KGgo${"A".repeat(8 * 1024 * 1024)}`;
  const body = `{"contents":[{"parts":[{"inlineData":{"mimeType":"image/png","data":"${data}"}}]}]}`;
  for (const [protocol, model] of [
    [openaiChat, "gpt-x"],
    [cohere, "command-a"],
    [gemini, "gemini-2.5-pro"],
  ] as const) {
    const conversion = new Conversion(gemini, protocol, { model });
    const { request, large } = conversion.decodeRequest(body);
    const pieces = protocol.encodeRequest(request, conversion.convertContext(large)).body;
    const longest = pieces.reduce((most, piece) => Math.max(most, piece.length), 0);
    assert.ok(longest >= data.length, protocol.name);
    // The picture is a view of the request's own bytes; what was written around it is small.
    const written = pieces.reduce((sum, piece) => sum + piece.length, 0) - longest;
    assert.ok(written < 1000, protocol.name);
    assert.ok(JSON.stringify(request).length < 1000, protocol.name);
  }
});

test("arguments and results over 64 KiB stay bytes and come out as the text they were", () => {
  const long = 'ö"\\\n'.repeat(30_000);
  const args = JSON.stringify({ text: long });
  const contents = [
    { role: "user", parts: [{ text: "x" }] },
    { role: "model", parts: [{ functionCall: { id: "c", name: "f", args: { text: long } } }] },
    { role: "user", parts: [{ functionResponse: { id: "c", name: "f", response: { output: long } } }] },
  ];
  const chat = new Conversion(gemini, openaiChat).requestBody({ contents });
  assert.equal(chat.messages[1].tool_calls[0].function.arguments, args);
  assert.equal(chat.messages[2].content, long);
  const v2 = new Conversion(gemini, cohere).requestBody({ contents });
  assert.equal(v2.messages[1].tool_calls[0].function.arguments, args);
  assert.equal(v2.messages[2].content, long);
  const v1 = new Conversion(gemini, cohereV1).requestBody({ contents });
  assert.deepEqual(v1.tool_results, [
    { call: { name: "f", parameters: { text: long } }, outputs: [{ output: long }] },
  ]);
  const back = new Conversion(cohere, gemini).requestBody({ model: "m", messages: v2.messages });
  assert.deepEqual(back.contents[1].parts[0].functionCall.args, { text: long });
  const old = new Conversion(cohereV1, gemini).requestBody(v1);
  assert.deepEqual(old.contents[1].parts[0].functionCall.args, { text: long });
  assert.equal(old.contents.length, 3);
});

test("whatever a body holds, Gemini gets turns that alternate and results that answer their calls", () => {
  const seed = seedOf(61);
  const random = seededRandom(seed);
  const chat = Object.values(CHAT_REQUESTS).map((request) => ({ model: "m", ...request }));
  const sources: [ChatProtocol, object[]][] = [
    [openaiChat, chat],
    [gemini, [GEMINI_BODY]],
    [cohere, [COHERE_BODY]],
    [cohereV1, [COHERE_V1_BODY]],
  ];
  let passed = 0;
  for (const [from, bodies] of sources) {
    for (let round = 0; round < 150; round++) {
      const text = JSON.stringify(mutate(bodies[round % bodies.length], random));
      const told = `SEED=${seed} round ${round} from ${from.name}: ${text}`;
      let body: Parameters<typeof checkGeminiTurns>[0];
      try {
        body = new Conversion(from, gemini, gemini3).requestBody(text);
      } catch (error) {
        assert.ok(error instanceof Failure && error.status < 500, told);
        continue;
      }
      passed++;
      assert.equal(checkGeminiTurns(body), null, told);
    }
  }
  assert.ok(passed > 200);
});

/** Drops, doubles and reorders what stands in lists, and drops members. */
function mutate(value: unknown, random: () => number): unknown {
  if (Array.isArray(value)) {
    const kept = value
      .filter(() => random() > 0.06)
      .flatMap((item) => (random() < 0.06 ? [item, item] : [item]));
    if (random() < 0.05) kept.reverse();
    return kept.map((item) => mutate(item, random));
  }
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(() => random() > 0.01)
      .map(([name, item]) => [name, mutate(item, random)]),
  );
}
