/** Bodies with anything in any place: a clear 4xx or a whole upstream body, never a crash; converting twice changes nothing. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Failure } from "../../src/base/failure.ts";
import { anthropic } from "../../src/protocols/anthropic/anthropic.ts";
import { openBody } from "../../src/protocols/body.ts";
import { cohere, cohereV1 } from "../../src/protocols/cohere/cohere.ts";
import { embeddingProtocols } from "../../src/protocols/embeddings/registry.ts";
import { gemini } from "../../src/protocols/gemini/gemini.ts";
import { ollama } from "../../src/protocols/ollama/ollama.ts";
import { openaiChat } from "../../src/protocols/openai-chat/openai-chat.ts";
import { openaiResponses } from "../../src/protocols/openai-responses/openai-responses.ts";
import type { ChatProtocol } from "../../src/protocols/protocol.ts";
import { rerankProtocols } from "../../src/protocols/rerank/registry.ts";
import { seededRandom, seedOf } from "../support/seed.ts";
import { Conversion } from "./support/conversion.ts";
import { COHERE_BODY, COHERE_V1_BODY, GEMINI_BODY } from "./support/fuzz-bodies.ts";

const PNG = "data:image/png;base64,iVBORw0KGgo=";
const SCHEMA = { type: "object", properties: { a: { type: "string" } } };

const RESPONSES_BODY = {
  model: "m",
  instructions: "be brief",
  input: [
    { role: "developer", content: "dev" },
    {
      role: "user",
      content: [
        { type: "input_text", text: "look" },
        { type: "input_image", image_url: PNG, detail: "low" },
        { type: "input_file", filename: "a.pdf", file_data: "data:application/pdf;base64,JVBERi0=" },
      ],
    },
    {
      type: "reasoning",
      id: "rs_1",
      summary: [{ type: "summary_text", text: "t" }],
      encrypted_content: "ENC",
    },
    { type: "function_call", call_id: "c1", name: "f", arguments: '{"a":"1"}', namespace: "ns" },
    { type: "custom_tool_call", call_id: "c2", name: "g", input: "raw" },
    { type: "function_call_output", call_id: "c1", output: [{ type: "input_text", text: "r" }] },
    { type: "custom_tool_call_output", call_id: "c2", output: "s" },
    { type: "web_search_call", id: "ws" },
    {
      type: "message",
      role: "assistant",
      phase: "final_answer",
      content: [{ type: "output_text", text: "ok", annotations: [] }],
    },
    { type: "apply_patch_call", call_id: "c3", operation: { type: "delete_file", path: "x" } },
    { type: "apply_patch_call_output", call_id: "c3", status: "failed", output: "no" },
    { role: "user", content: "go on" },
  ],
  tools: [
    { type: "function", name: "f", parameters: SCHEMA, strict: true },
    { type: "custom", name: "g", format: { type: "grammar", syntax: "lark", definition: "start: x" } },
    { type: "namespace", name: "ns", description: "d", tools: [{ type: "function", name: "f2" }] },
    { type: "apply_patch" },
    { type: "web_search" },
  ],
  tool_choice: { type: "allowed_tools", mode: "auto", tools: [{ type: "function", name: "f" }] },
  parallel_tool_calls: false,
  text: { format: { type: "json_schema", name: "n", schema: SCHEMA }, verbosity: "low" },
  reasoning: { effort: "high", summary: "auto" },
  max_output_tokens: 50,
  temperature: 0.5,
  top_p: 0.9,
  include: ["message.output_text.logprobs"],
  metadata: { a: "b" },
  service_tier: "flex",
  prompt_cache_key: "k",
  safety_identifier: "u",
  stream: true,
};

const OLLAMA_BODY = {
  model: "m",
  messages: [
    { role: "system", content: "s" },
    { role: "user", content: "x", images: ["iVBORw0KGgo="] },
    {
      role: "assistant",
      content: "c",
      thinking: "t",
      tool_calls: [{ function: { name: "f", arguments: { a: 1 } } }],
    },
    { role: "tool", tool_name: "f", content: "r" },
    { role: "user", content: "y" },
  ],
  tools: [{ type: "function", function: { name: "f", description: "d", parameters: SCHEMA } }],
  format: SCHEMA,
  options: { num_predict: 5, stop: ["A"], temperature: 1, num_ctx: 9 },
  think: "low",
  keep_alive: "5m",
  stream: false,
};

const JUNK: readonly unknown[] = [
  null,
  5,
  -1,
  "",
  "x",
  "\ud800",
  true,
  [],
  {},
  [null],
  [[]],
  { type: "x" },
  [5],
  { type: 7 },
  1e300,
];

/** The value with random members replaced or dropped. */
function mutate(value: unknown, random: () => number, rate: number): unknown {
  if (random() < rate) return JUNK[Math.floor(random() * JUNK.length)];
  if (Array.isArray(value)) return value.map((item) => mutate(item, random, rate));
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).filter(() => random() >= rate / 2);
  return Object.fromEntries(entries.map(([key, item]) => [key, mutate(item, random, rate)]));
}

/** Runs, and takes a Failure that is the caller's fault for an answer. Returns false then. */
function passes(run: () => void, note: () => string): boolean {
  try {
    run();
    return true;
  } catch (error) {
    if (error instanceof Failure && error.status >= 400 && error.status < 500) return false;
    throw new Error(`${error instanceof Error ? error.stack : error}\n${note()}`, { cause: error });
  }
}

for (const [from, body] of [
  [openaiResponses, RESPONSES_BODY],
  [ollama, OLLAMA_BODY],
  [gemini, GEMINI_BODY],
  [cohere, COHERE_BODY],
  [cohereV1, COHERE_V1_BODY],
] as const satisfies [ChatProtocol, object][]) {
  test(`fuzzed ${from.name} bodies are a 4xx or become a whole body for every upstream`, (t) => {
    const seed = seedOf(1125);
    const random = seededRandom(seed);
    let passed = 0;
    for (let round = 0; round < 600; round++) {
      const fuzzed = round === 0 ? body : mutate(body, random, round % 2 === 0 ? 0.004 : 0.05);
      const text = JSON.stringify(fuzzed) ?? "null";
      for (const to of [openaiChat, openaiResponses, anthropic, gemini, cohere, cohereV1, ollama]) {
        const ok = passes(
          () => JSON.parse(new Conversion(from, to, { model: "gpt-5", dialect: "openai" }).requestText(text)),
          () => `SEED=${seed} round ${round} to ${to.name}: ${text}`,
        );
        if (ok) passed++;
      }
    }
    t.diagnostic(`${passed} became bodies`);
    assert.ok(passed > 300, "the fuzz must not only hit the first check");
  });
}

test("a body converted into its own protocol twice is the same as once", () => {
  for (const [protocol, body] of [
    [
      openaiResponses,
      { ...RESPONSES_BODY, tools: RESPONSES_BODY.tools.slice(0, 3), input: RESPONSES_BODY.input.slice(0, 7) },
    ],
    [ollama, OLLAMA_BODY],
    [gemini, GEMINI_BODY],
    [cohere, COHERE_BODY],
    [cohereV1, COHERE_V1_BODY],
  ] as const satisfies [ChatProtocol, object][]) {
    const once = new Conversion(protocol, protocol, { model: "gpt-5", dialect: "openai" }).requestBody(body);
    const twice = new Conversion(protocol, protocol, { model: "gpt-5", dialect: "openai" }).requestBody(once);
    assert.deepEqual(twice, once, protocol.name);
  }
});

test("fuzzed embedding and rerank bodies are a 4xx or become a whole body for every upstream", () => {
  const seed = seedOf(64);
  const random = seededRandom(seed);
  const embeddings = Object.values(embeddingProtocols);
  const reranks = Object.values(rerankProtocols);
  const bodies = [
    { model: "m", input: ["a", "b"], dimensions: 5, encoding_format: "base64", prompt: "p", truncate: "END" },
    {
      requests: [{ content: { parts: [{ text: "a" }] }, taskType: "CLUSTERING" }],
      content: { parts: [{ text: "x" }] },
    },
    {
      model: "m",
      texts: ["a"],
      inputs: [{ content: [{ type: "text", text: "a" }] }],
      embedding_types: ["float"],
      input_type: "query",
    },
    { model: "m", query: "q", documents: ["a", { text: "b" }], rank_fields: ["text"], top_n: 1 },
  ];
  for (let round = 0; round < 800; round++) {
    const text = JSON.stringify(mutate(bodies[round % bodies.length], random, 0.1)) ?? "null";
    const { doc, large } = openBody(Buffer.from(text), [], { next: random });
    const note = () => `SEED=${seed} round ${round}: ${text}`;
    for (const from of embeddings) {
      for (const verb of ["embed", "embeddings", "batchEmbedContents"]) {
        passes(() => {
          const request = from.decodeRequest(doc, { model: "m", verb, large });
          for (const to of embeddings)
            passes(() => to.encodeRequest(request, { model: "u", warn: () => {}, large }), note);
        }, note);
      }
    }
    for (const from of reranks) {
      passes(() => {
        const request = from.decodeRequest(doc, { large });
        for (const to of reranks) to.encodeRequest(request, { model: "u", large });
      }, note);
    }
  }
});
