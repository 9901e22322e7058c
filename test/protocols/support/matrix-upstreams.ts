/** What each vendor's API answers in each scenario, whole and streamed, by its documentation: the upstreams of the matrix. */
import { anthropic } from "../../../src/protocols/anthropic/anthropic.ts";
import { cohere, cohereV1 } from "../../../src/protocols/cohere/cohere.ts";
import { gemini } from "../../../src/protocols/gemini/gemini.ts";
import { ollama } from "../../../src/protocols/ollama/ollama.ts";
import { openaiChat } from "../../../src/protocols/openai-chat/openai-chat.ts";
import { openaiResponses } from "../../../src/protocols/openai-responses/openai-responses.ts";
import type { ChatProtocol } from "../../../src/protocols/protocol.ts";
import { anthropicRequestSchema, checkAnthropicMessages } from "../schemas/anthropic.ts";
import { cohereRequestSchema, cohereV1RequestSchema } from "../schemas/cohere.ts";
import { checkGeminiTurns, geminiRequestSchema } from "../schemas/gemini.ts";
import { ollamaRequestSchema } from "../schemas/ollama.ts";
import { chatRequestSchema, checkChatMessages } from "../schemas/openai-chat.ts";
import { checkResponsesInput, responsesRequestSchema } from "../schemas/openai-responses.ts";
import type { ConversionOptions } from "./conversion.ts";

/** What the model says. */
export interface Saying {
  readonly thinking?: string;
  readonly text?: string;
  readonly calls?: readonly {
    readonly id: string;
    readonly name: string;
    readonly args: Record<string, unknown>;
  }[];
  readonly finish: "stop" | "length" | "filtered" | "tool";
}

/** Data of an event, or its name and data. */
export type Wire = string | Record<string, unknown> | readonly [string, Record<string, unknown>];

export interface MatrixUpstream {
  readonly name: string;
  readonly protocol: ChatProtocol;
  readonly options: ConversionOptions;
  readonly schema: object;
  // biome-ignore lint/suspicious/noExplicitAny: bodies of every vendor
  readonly check?: (body: any) => string | null;
  readonly whole: (saying: Saying) => Record<string, unknown>;
  /** The stream's events; the last `ending` of them tell that the answer is complete. */
  readonly events: (saying: Saying) => Wire[];
  readonly ending: (event: Wire) => boolean;
  /** An error in the stream, and a 429's body. */
  readonly error: Wire;
  readonly limited: Record<string, unknown>;
}

const pieces = (text: string) => [text.slice(0, 2), text.slice(2)].filter((piece) => piece !== "");
const openaiError = { error: { message: "slow down", type: "rate_limit", code: "rate_limit", param: null } };

const CHAT_FINISH = { stop: "stop", length: "length", filtered: "content_filter", tool: "tool_calls" };
const chatUsage = { prompt_tokens: 7, completion_tokens: 5, total_tokens: 12 };

const chat: MatrixUpstream = {
  name: "chat",
  protocol: openaiChat,
  options: { model: "gpt-4o", dialect: "openai" },
  schema: chatRequestSchema,
  check: checkChatMessages,
  whole: ({ thinking, text, calls, finish }) => ({
    id: "chatcmpl-up",
    object: "chat.completion",
    created: 1700000000,
    model: "gpt-4o",
    choices: [
      {
        index: 0,
        message: {
          role: "assistant",
          content: text ?? null,
          ...(thinking === undefined ? {} : { reasoning_content: thinking }),
          ...(calls === undefined
            ? {}
            : {
                tool_calls: calls.map(({ id, name, args }) => ({
                  id,
                  type: "function",
                  function: { name, arguments: JSON.stringify(args) },
                })),
              }),
        },
        finish_reason: CHAT_FINISH[finish],
      },
    ],
    usage: chatUsage,
  }),
  events: ({ thinking = "", text = "", calls = [], finish }) => {
    const chunk = (delta: object, word: string | null = null) => ({
      id: "chatcmpl-up",
      created: 1700000000,
      model: "gpt-4o",
      choices: [{ index: 0, delta, finish_reason: word }],
    });
    return [
      chunk({ role: "assistant", content: "" }),
      ...pieces(thinking).map((piece) => chunk({ reasoning_content: piece })),
      ...pieces(text).map((content) => chunk({ content })),
      ...calls.flatMap(({ id, name, args }, index) => [
        chunk({ tool_calls: [{ index, id, type: "function", function: { name, arguments: "" } }] }),
        ...pieces(JSON.stringify(args)).map((piece) =>
          chunk({ tool_calls: [{ index, function: { arguments: piece } }] }),
        ),
      ]),
      chunk({}, CHAT_FINISH[finish]),
      { id: "chatcmpl-up", model: "gpt-4o", choices: [], usage: chatUsage },
      "[DONE]",
    ];
  },
  ending: (event) => event === "[DONE]" || /"finish_reason":"|"choices":\[\]/.test(JSON.stringify(event)),
  error: openaiError,
  limited: openaiError,
};

const RESPONSES_REASON = { stop: "", length: "max_output_tokens", filtered: "content_filter", tool: "" };

function responsesItems({ thinking, text, calls = [] }: Saying): Record<string, unknown>[] {
  const items: Record<string, unknown>[] = [];
  if (thinking !== undefined) {
    items.push({ type: "reasoning", id: "rs_1", summary: [{ type: "summary_text", text: thinking }] });
  }
  if (text !== undefined) {
    items.push({
      type: "message",
      id: "msg_1",
      role: "assistant",
      status: "completed",
      content: [{ type: "output_text", text, annotations: [] }],
    });
  }
  for (const { id, name, args } of calls) {
    const body = { call_id: id, name, arguments: JSON.stringify(args), status: "completed" };
    items.push({ type: "function_call", id: `fc_${id}`, ...body });
  }
  return items;
}

const responses: MatrixUpstream = {
  name: "responses",
  protocol: openaiResponses,
  options: { model: "gpt-5.6", dialect: "openai" },
  schema: responsesRequestSchema,
  check: checkResponsesInput,
  whole: (saying) => {
    const reason = RESPONSES_REASON[saying.finish];
    return {
      id: "resp_up",
      object: "response",
      created_at: 1700000000,
      model: "gpt-5.6",
      status: reason === "" ? "completed" : "incomplete",
      incomplete_details: reason === "" ? null : { reason },
      error: null,
      output: responsesItems(saying),
      usage: {
        input_tokens: 7,
        input_tokens_details: { cached_tokens: 0 },
        output_tokens: 5,
        output_tokens_details: { reasoning_tokens: 0 },
        total_tokens: 12,
      },
    };
  },
  events: (saying) => {
    const whole = responses.whole(saying);
    const out: Wire[] = [];
    const push = (type: string, rest: Record<string, unknown>) => out.push([type, { type, ...rest }]);
    push("response.created", { response: { ...whole, status: "in_progress", output: [] } });
    responsesItems(saying).forEach((item, output_index) => {
      const at = { output_index, item_id: item.id };
      const kind = item.type;
      const open =
        kind === "message" ? { content: [] } : kind === "reasoning" ? { summary: [] } : { arguments: "" };
      push("response.output_item.added", { output_index, item: { ...item, ...open, status: "in_progress" } });
      if (kind === "message") {
        const part = { type: "output_text", text: "", annotations: [] };
        push("response.content_part.added", { ...at, content_index: 0, part });
        for (const delta of pieces(saying.text ?? "")) {
          push("response.output_text.delta", { ...at, content_index: 0, delta });
        }
        push("response.output_text.done", { ...at, content_index: 0, text: saying.text });
      } else if (kind === "reasoning") {
        for (const delta of pieces(saying.thinking ?? "")) {
          push("response.reasoning_summary_text.delta", { ...at, summary_index: 0, delta });
        }
      } else {
        for (const delta of pieces(String(item.arguments))) {
          push("response.function_call_arguments.delta", { ...at, delta });
        }
        push("response.function_call_arguments.done", { ...at, arguments: item.arguments });
      }
      push("response.output_item.done", { output_index, item });
    });
    push(whole.status === "completed" ? "response.completed" : "response.incomplete", { response: whole });
    return out;
  },
  ending: (event) => /"type":"response\.(completed|incomplete)"/.test(JSON.stringify(event)),
  error: ["error", { type: "error", code: "rate_limit_exceeded", message: "slow down", param: null }],
  limited: openaiError,
};

const CLAUDE_STOP = { stop: "end_turn", length: "max_tokens", filtered: "refusal", tool: "tool_use" };

function claudeBlocks({ thinking, text, calls = [] }: Saying): Record<string, unknown>[] {
  return [
    ...(thinking === undefined ? [] : [{ type: "thinking", thinking, signature: "U0lHTkFUVVJF" }]),
    ...(text === undefined ? [] : [{ type: "text", text }]),
    ...calls.map(({ id, name, args }) => ({ type: "tool_use", id, name, input: args })),
  ];
}

const claude: MatrixUpstream = {
  name: "anthropic",
  protocol: anthropic,
  options: { model: "claude-opus-4-8" },
  schema: anthropicRequestSchema,
  check: checkAnthropicMessages,
  whole: (saying) => ({
    id: "msg_up",
    type: "message",
    role: "assistant",
    model: "claude-opus-4-8",
    content: claudeBlocks(saying),
    stop_reason: CLAUDE_STOP[saying.finish],
    stop_sequence: null,
    usage: { input_tokens: 7, output_tokens: 5 },
  }),
  events: (saying) => {
    const event = (type: string, rest: object = {}): Wire => [type, { type, ...rest }];
    const message = { ...claude.whole(saying), content: [], stop_reason: null };
    const out: Wire[] = [event("message_start", { message }), event("ping")];
    claudeBlocks(saying).forEach((block, index) => {
      const kind = String(block.type);
      const empty =
        kind === "text"
          ? { text: "" }
          : kind === "thinking"
            ? { thinking: "", signature: "" }
            : { input: {} };
      out.push(event("content_block_start", { index, content_block: { ...block, ...empty } }));
      const delta = (inside: object) => out.push(event("content_block_delta", { index, delta: inside }));
      if (kind === "text") for (const text of pieces(String(block.text))) delta({ type: "text_delta", text });
      if (kind === "thinking") {
        for (const thinking of pieces(String(block.thinking))) delta({ type: "thinking_delta", thinking });
        delta({ type: "signature_delta", signature: block.signature });
      }
      if (kind === "tool_use") {
        for (const partial_json of pieces(JSON.stringify(block.input))) {
          delta({ type: "input_json_delta", partial_json });
        }
      }
      out.push(event("content_block_stop", { index }));
    });
    const stop = { stop_reason: CLAUDE_STOP[saying.finish], stop_sequence: null };
    out.push(event("message_delta", { delta: stop, usage: { output_tokens: 5 } }), event("message_stop"));
    return out;
  },
  ending: (event) => /"type":"message_(delta|stop)"/.test(JSON.stringify(event)),
  error: ["error", { type: "error", error: { type: "rate_limit_error", message: "slow down" } }],
  limited: { type: "error", error: { type: "rate_limit_error", message: "slow down" } },
};

const GEMINI_FINISH = { stop: "STOP", length: "MAX_TOKENS", filtered: "SAFETY", tool: "STOP" };

const google: MatrixUpstream = {
  name: "gemini",
  protocol: gemini,
  options: { model: "gemini-3-pro-preview" },
  schema: geminiRequestSchema,
  check: checkGeminiTurns,
  whole: ({ thinking, text, calls = [], finish }) => ({
    candidates: [
      {
        index: 0,
        content: {
          role: "model",
          parts: [
            ...(thinking === undefined ? [] : [{ text: thinking, thought: true }]),
            ...(text === undefined ? [] : [{ text }]),
            ...calls.map(({ name, args }) => ({ functionCall: { name, args } })),
          ],
        },
        finishReason: GEMINI_FINISH[finish],
      },
    ],
    usageMetadata: { promptTokenCount: 7, candidatesTokenCount: 5, totalTokenCount: 12 },
    modelVersion: "gemini-3-pro-preview",
    responseId: "r-up",
  }),
  events: ({ thinking = "", text = "", calls = [], finish }) => {
    const chunk = (parts: object[], rest: object = {}) => ({
      candidates: [{ content: { role: "model", parts }, ...rest }],
      modelVersion: "gemini-3-pro-preview",
    });
    return [
      ...pieces(thinking).map((piece) => chunk([{ text: piece, thought: true }])),
      ...pieces(text).map((piece) => chunk([{ text: piece }])),
      ...(calls.length === 0
        ? []
        : [chunk(calls.map(({ name, args }) => ({ functionCall: { name, args } })))]),
      {
        ...chunk([], { finishReason: GEMINI_FINISH[finish] }),
        usageMetadata: { promptTokenCount: 7, candidatesTokenCount: 5, totalTokenCount: 12 },
      },
    ];
  },
  ending: (event) => JSON.stringify(event).includes("finishReason"),
  error: { error: { code: 429, message: "slow down", status: "RESOURCE_EXHAUSTED" } },
  limited: { error: { code: 429, message: "slow down", status: "RESOURCE_EXHAUSTED" } },
};

const COHERE_FINISH = { stop: "COMPLETE", length: "MAX_TOKENS", filtered: "ERROR_TOXIC", tool: "TOOL_CALL" };
const cohereUsage = { tokens: { input_tokens: 7, output_tokens: 5 } };

const cohereV2: MatrixUpstream = {
  name: "cohere",
  protocol: cohere,
  options: { model: "command-a" },
  schema: cohereRequestSchema,
  whole: ({ thinking, text, calls, finish }) => ({
    id: "up",
    message: {
      role: "assistant",
      content: [
        ...(thinking === undefined ? [] : [{ type: "thinking", thinking }]),
        ...(text === undefined ? [] : [{ type: "text", text }]),
      ],
      ...(calls === undefined
        ? {}
        : {
            tool_calls: calls.map(({ id, name, args }) => ({
              id,
              type: "function",
              function: { name, arguments: JSON.stringify(args) },
            })),
          }),
    },
    finish_reason: COHERE_FINISH[finish],
    usage: cohereUsage,
  }),
  events: ({ thinking, text, calls = [], finish }) => {
    const out: Wire[] = [];
    const push = (type: string, rest: object = {}) => out.push([type, { type, ...rest }]);
    push("message-start", { id: "up", delta: { message: { role: "assistant", content: [] } } });
    let index = 0;
    for (const [kind, words] of [
      ["thinking", thinking],
      ["text", text],
    ] as const) {
      if (words === undefined) continue;
      push("content-start", { index, delta: { message: { content: { type: kind, [kind]: "" } } } });
      for (const piece of pieces(words)) {
        push("content-delta", { index, delta: { message: { content: { [kind]: piece } } } });
      }
      push("content-end", { index });
      index++;
    }
    calls.forEach(({ id, name, args }, at) => {
      const call = { id, type: "function", function: { name, arguments: "" } };
      push("tool-call-start", { index: at, delta: { message: { tool_calls: call } } });
      for (const piece of pieces(JSON.stringify(args))) {
        push("tool-call-delta", {
          index: at,
          delta: { message: { tool_calls: { function: { arguments: piece } } } },
        });
      }
      push("tool-call-end", { index: at });
    });
    push("message-end", { delta: { finish_reason: COHERE_FINISH[finish], usage: cohereUsage } });
    return out;
  },
  ending: (event) => JSON.stringify(event).includes("message-end"),
  error: ["message-end", { type: "message-end", delta: { finish_reason: "ERROR", error: "slow down" } }],
  limited: { message: "slow down" },
};

const cohereOld: MatrixUpstream = {
  name: "cohere-v1",
  protocol: cohereV1,
  options: { model: "command-r" },
  schema: cohereV1RequestSchema,
  whole: ({ text, calls, finish }) => ({
    generation_id: "up",
    text: text ?? "",
    finish_reason: finish === "tool" ? "COMPLETE" : COHERE_FINISH[finish],
    ...(calls === undefined
      ? {}
      : { tool_calls: calls.map(({ name, args }) => ({ name, parameters: args })) }),
    meta: cohereUsage,
  }),
  events: (saying) => [
    { event_type: "stream-start", generation_id: "up" },
    ...pieces(saying.text ?? "").map((text) => ({ event_type: "text-generation", text })),
    ...(saying.calls === undefined
      ? []
      : [{ event_type: "tool-calls-generation", tool_calls: cohereOld.whole(saying).tool_calls }]),
    {
      event_type: "stream-end",
      is_finished: true,
      finish_reason: cohereOld.whole(saying).finish_reason,
      response: cohereOld.whole(saying),
    },
  ],
  ending: (event) => JSON.stringify(event).includes("stream-end"),
  error: { event_type: "stream-end", is_finished: true, finish_reason: "ERROR", response: { text: "" } },
  limited: { message: "slow down" },
};

const local: MatrixUpstream = {
  name: "ollama",
  protocol: ollama,
  options: { model: "qwen3" },
  schema: ollamaRequestSchema,
  whole: ({ thinking, text, calls, finish }) => ({
    model: "qwen3",
    created_at: "2026-01-01T00:00:00Z",
    message: {
      role: "assistant",
      content: text ?? "",
      ...(thinking === undefined ? {} : { thinking }),
      ...(calls === undefined
        ? {}
        : { tool_calls: calls.map(({ name, args }) => ({ function: { name, arguments: args } })) }),
    },
    done: true,
    done_reason: finish === "length" ? "length" : "stop",
    prompt_eval_count: 7,
    eval_count: 5,
  }),
  events: (saying) => {
    const whole = local.whole(saying);
    const line = (message: object) => ({
      model: "qwen3",
      created_at: "2026-01-01T00:00:00Z",
      message: { role: "assistant", content: "", ...message },
      done: false,
    });
    const { tool_calls } = whole.message as { tool_calls?: unknown };
    return [
      ...pieces(saying.thinking ?? "").map((thinking) => line({ thinking })),
      ...pieces(saying.text ?? "").map((content) => line({ content })),
      ...(tool_calls === undefined ? [] : [line({ tool_calls })]),
      { ...whole, message: { role: "assistant", content: "" } },
    ];
  },
  ending: (event) => JSON.stringify(event).includes('"done":true'),
  error: { error: "slow down" },
  limited: { error: "slow down" },
};

export const UPSTREAMS: readonly MatrixUpstream[] = [
  chat,
  responses,
  claude,
  google,
  cohereV2,
  cohereOld,
  local,
];
