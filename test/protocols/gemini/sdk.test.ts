import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { GoogleGenAI } from "@google/genai";
import { Failure } from "../../../src/base/failure.ts";
import { gemini } from "../../../src/protocols/gemini/gemini.ts";
import type { ChatResponse, StreamEvent } from "../../../src/protocols/neutral.ts";
import {
  type AnswerServer,
  type SdkAnswer,
  type SdkRequest,
  startAnswerServer,
} from "../support/answer-server.ts";
import { Conversion } from "../support/conversion.ts";

let answer: (request: SdkRequest) => SdkAnswer = () => ({ status: 500, body: "{}" });
let server: AnswerServer;
let client: GoogleGenAI;

before(async () => {
  server = await startAnswerServer((request) => answer(request));
  client = new GoogleGenAI({ apiKey: "k", httpOptions: { baseUrl: server.url } });
});
after(() => server.close());

const USAGE = { input: 12, cacheRead: 4, cacheWrite: null, cacheWriteLong: null, output: 9, reasoning: 3 };

/** What a foreign target answers, as events. */
function foreign(...text: string[]): StreamEvent[] {
  return [
    { type: "start", id: "msg_1", model: "claude-x", created: 1_700_000_000 },
    { type: "part", c: 0, i: 0, kind: "text" },
    ...text.map((piece) => ({ type: "text", c: 0, i: 0, text: piece }) as const),
    { type: "close", c: 0, i: 0 },
    { type: "usage", usage: USAGE },
    { type: "stop", c: 0, stop: { reason: "stop" } },
    { type: "end" },
  ];
}

function conversionOf(request: SdkRequest): Conversion {
  const conversion = new Conversion(gemini, gemini, {
    model: "gemini-2.5-pro",
    stream: request.path.includes("stream"),
  });
  conversion.decodeRequest(request.body);
  return conversion;
}

const stream = (events: StreamEvent[]) => (request: SdkRequest) => ({
  contentType: "text/event-stream",
  // Pieces that have nothing to do with the events' borders.
  body:
    conversionOf(request)
      .encodeStream(events)
      .match(/[\s\S]{1,97}/g) ?? [],
});

test("generateContent: text, calls, finish reason and usage arrive in the SDK's object", async () => {
  const response: ChatResponse = {
    id: "",
    model: "claude-x",
    created: 1_700_000_000,
    candidates: [
      {
        parts: [
          { type: "thinking", text: "hm" },
          { type: "text", text: "Zoë 😀" },
          { type: "call", id: "call_1", name: "f", arguments: '{"a":1}', kind: "function" },
        ],
        stop: { reason: "tool_call" },
      },
    ],
    usage: USAGE,
  };
  answer = (request) => ({ body: gemini.encodeResponse(response, conversionOf(request).answerContext()) });
  const result = await client.models.generateContent({
    model: "m",
    contents: "hi",
    config: { thinkingConfig: { includeThoughts: true }, systemInstruction: "be short" },
  });
  assert.equal(server.requests.at(-1)?.path, "/v1beta/models/m:generateContent");
  assert.deepEqual(result.candidates?.[0]?.content?.parts?.[0], { text: "hm", thought: true });
  assert.deepEqual(result.functionCalls, [{ id: "call_1", name: "f", args: { a: 1 } }]);
  assert.equal(result.candidates?.[0]?.finishReason, "STOP");
  assert.equal(result.usageMetadata?.totalTokenCount, 21);
  assert.equal(result.usageMetadata?.thoughtsTokenCount, 3);
});

test("generateContentStream: pieces, comments between them, and the last chunk's usage", async () => {
  answer = (request) => {
    const conversion = conversionOf(request);
    const encoder = gemini.createEncoder(conversion.answerContext());
    const body = [
      encoder.ping(),
      ...foreign("Hel", "lo").flatMap((event) => [encoder.encode(event), encoder.ping()]),
    ];
    return { contentType: "text/event-stream", body: body.filter((piece) => piece !== "") };
  };
  let text = "";
  let last: { finishReason?: unknown; total?: unknown } = {};
  for await (const chunk of await client.models.generateContentStream({ model: "m", contents: "hi" })) {
    text += chunk.text ?? "";
    last = { finishReason: chunk.candidates?.[0]?.finishReason, total: chunk.usageMetadata?.totalTokenCount };
  }
  assert.equal(server.requests.at(-1)?.path, "/v1beta/models/m:streamGenerateContent?alt=sse");
  assert.equal(text, "Hello");
  assert.deepEqual(last, { finishReason: "STOP", total: 21 });
});

test("95: chats over two streamed turns keep both in their history, and send them back as one conversation", async () => {
  const chat = client.chats.create({ model: "m" });
  for (const [question, reply] of [
    ["one?", ["Ei", "ns"]],
    ["two?", ["Zwei"]],
  ] as const) {
    answer = stream(foreign(...reply));
    for await (const _ of await chat.sendMessageStream({ message: question })) {
      // Reading it is what records it.
    }
  }
  const history = chat.getHistory(true);
  assert.deepEqual(
    history.map((content) => [content.role, content.parts?.map((part) => part.text).join("")]),
    [
      ["user", "one?"],
      ["model", "Ei"],
      ["model", "ns"],
      ["model", ""],
      ["user", "two?"],
      ["model", "Zwei"],
      ["model", ""],
    ],
  );
  answer = stream(foreign("x"));
  await chat.sendMessage({ message: "three?" }).catch(() => undefined);
  const { request } = new Conversion(gemini, gemini).decodeRequest(server.requests.at(-1)?.body);
  assert.deepEqual(
    request.turns.map((turn) => [
      turn.role,
      turn.parts.map((part) => (part.type === "text" ? part.text : "?")),
    ]),
    [
      ["user", ["one?"]],
      ["assistant", ["Eins"]],
      ["user", ["two?"]],
      ["assistant", ["Zwei"]],
      ["user", ["three?"]],
    ],
  );
});

test("automatic function calling: ids and results of the SDK come back matched", async () => {
  let turn = 0;
  answer = (request) => {
    const conversion = conversionOf(request);
    turn++;
    const parts: ChatResponse["candidates"][number]["parts"] =
      turn === 1
        ? [{ type: "call", id: "toolu_1", name: "add", arguments: '{"a":1,"b":2}', kind: "function" }]
        : [{ type: "text", text: "3" }];
    return {
      body: gemini.encodeResponse(
        { id: "", model: "x", created: 0, candidates: [{ parts, stop: { reason: "stop" } }], usage: null },
        conversion.answerContext(),
      ),
    };
  };
  const result = await client.models.generateContent({
    model: "m",
    contents: "1+2?",
    config: {
      tools: [{ functionDeclarations: [{ name: "add", parametersJsonSchema: { type: "object" } }] }],
    },
  });
  const [call] = result.functionCalls ?? [];
  assert.equal(call?.id, "toolu_1");
  await client.models.generateContent({
    model: "m",
    contents: [
      { role: "user", parts: [{ text: "1+2?" }] },
      result.candidates?.[0]?.content ?? {},
      {
        role: "user",
        parts: [{ functionResponse: { id: call?.id ?? "", name: "add", response: { output: 3 } } }],
      },
    ],
  });
  const { request } = new Conversion(gemini, gemini).decodeRequest(server.requests.at(-1)?.body);
  assert.deepEqual(request.turns[2]?.parts, [
    { type: "result", callId: "toolu_1", isError: false, name: "add", parts: [{ type: "text", text: "3" }] },
  ]);
});

test("errors: an answer's status reaches the SDK, and so does one in the middle of a stream", async () => {
  const failure = new Failure("overloaded", "all targets are busy", { code: "overloaded" });
  answer = () => {
    const { status, body } = gemini.encodeError(failure, "req");
    return { status, body };
  };
  await assert.rejects(
    client.models.generateContent({ model: "m", contents: "hi" }),
    (error: { status?: number; message: string }) => {
      assert.equal(error.status, 503);
      assert.match(error.message, /all targets are busy/);
      return true;
    },
  );
  answer = (request) => {
    const encoder = gemini.createEncoder(conversionOf(request).answerContext());
    const body = foreign("Hel")
      .slice(0, 3)
      .map((event) => encoder.encode(event))
      .concat(encoder.fail(failure))
      .filter((piece) => piece !== "");
    return { contentType: "text/event-stream", body };
  };
  await assert.rejects(
    async () => {
      for await (const _ of await client.models.generateContentStream({ model: "m", contents: "hi" })) {
        // The first piece arrives, then the error.
      }
    },
    (error: { status?: number }) => error.status === 503,
  );
});
