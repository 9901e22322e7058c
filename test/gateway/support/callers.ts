/** How each client protocol asks for an answer with a tool at hand, and reads what came. */

export interface Heard {
  readonly text: string;
  readonly calls: readonly { readonly name: string; readonly arguments: unknown }[];
  /** The protocol's own word for the end; "" = none came. */
  readonly finish: string;
}

export interface ClientCaller {
  readonly name: string;
  path(model: string, stream: boolean): string;
  body(model: string, stream: boolean): object;
  whole(body: Loose): Heard;
  /** Every event's data, in order. */
  streamed(events: readonly Loose[]): Heard;
  readonly finish: { readonly stop: string; readonly call: string };
}

/** Answers are looked into as any client would, without a schema. */
// biome-ignore lint/suspicious/noExplicitAny: the shape is what is tested
export type Loose = any;

export const PROMPT = "How warm is it in Paris?";
const PARAMETERS = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const CHAT_TOOL = {
  type: "function",
  function: { name: "weather", description: "d", parameters: PARAMETERS },
};
const MESSAGES = [{ role: "user", content: PROMPT }];

const join = (list: readonly (string | undefined)[]) => list.map((text) => text ?? "").join("");
const parse = (text: string) => JSON.parse(text === "" ? "{}" : text);

const openaiChat: ClientCaller = {
  name: "openai-chat",
  path: () => "/v1/chat/completions",
  body: (model, stream) => ({ model, messages: MESSAGES, tools: [CHAT_TOOL], max_tokens: 100, stream }),
  whole({ choices: [choice] }) {
    const calls = (choice.message.tool_calls ?? []).map((call: Loose) => ({
      name: call.function.name,
      arguments: parse(call.function.arguments),
    }));
    return { text: choice.message.content ?? "", calls, finish: choice.finish_reason };
  },
  streamed(events) {
    const deltas = events.flatMap((event) => event.choices ?? []);
    const calls: { name: string; text: string }[] = [];
    for (const { delta } of deltas) {
      for (const call of delta.tool_calls ?? []) {
        calls[call.index] ??= { name: call.function.name, text: "" };
        const known = calls[call.index];
        if (known !== undefined) known.text += call.function.arguments ?? "";
      }
    }
    return {
      text: join(deltas.map((choice) => choice.delta.content)),
      calls: calls.map((call) => ({ name: call.name, arguments: parse(call.text) })),
      finish: join(deltas.map((choice) => choice.finish_reason)),
    };
  },
  finish: { stop: "stop", call: "tool_calls" },
};

const openaiResponses: ClientCaller = {
  name: "openai-responses",
  path: () => "/v1/responses",
  body: (model, stream) => ({
    model,
    input: PROMPT,
    tools: [{ type: "function", name: "weather", description: "d", parameters: PARAMETERS, strict: false }],
    max_output_tokens: 100,
    stream,
  }),
  whole(body) {
    const messages = body.output.filter((item: Loose) => item.type === "message");
    const calls = body.output.filter((item: Loose) => item.type === "function_call");
    return {
      text: join(messages.flatMap((item: Loose) => item.content.map((part: Loose) => part.text))),
      calls: calls.map((item: Loose) => ({ name: item.name, arguments: parse(item.arguments) })),
      finish: body.status,
    };
  },
  streamed(events) {
    const last = events.at(-1);
    const whole = openaiResponses.whole(last.response);
    const deltas = events.filter((event) => event.type === "response.output_text.delta");
    return { ...whole, text: join(deltas.map((event) => event.delta)) };
  },
  finish: { stop: "completed", call: "completed" },
};

const anthropic: ClientCaller = {
  name: "anthropic",
  path: () => "/v1/messages",
  body: (model, stream) => ({
    model,
    max_tokens: 100,
    messages: MESSAGES,
    tools: [{ name: "weather", description: "d", input_schema: PARAMETERS }],
    stream,
  }),
  whole(body) {
    const calls = body.content.filter((block: Loose) => block.type === "tool_use");
    return {
      text: join(body.content.map((block: Loose) => block.text)),
      calls: calls.map((block: Loose) => ({ name: block.name, arguments: block.input })),
      finish: body.stop_reason,
    };
  },
  streamed(events) {
    const starts = events.filter((event) => event.content_block?.type === "tool_use");
    const pieces = (index: number) =>
      join(events.filter((event) => event.index === index).map((event) => event.delta?.partial_json));
    return {
      text: join(events.map((event) => event.delta?.text)),
      calls: starts.map((event) => ({
        name: event.content_block.name,
        arguments: parse(pieces(event.index)),
      })),
      finish:
        events.at(-1)?.type === "message_stop" ? join(events.map((event) => event.delta?.stop_reason)) : "",
    };
  },
  finish: { stop: "end_turn", call: "tool_use" },
};

const gemini: ClientCaller = {
  name: "gemini",
  path: (model, stream) =>
    `/v1beta/models/${model}:${stream ? "streamGenerateContent?alt=sse" : "generateContent"}`,
  body: () => ({
    contents: [{ role: "user", parts: [{ text: PROMPT }] }],
    tools: [
      { functionDeclarations: [{ name: "weather", description: "d", parametersJsonSchema: PARAMETERS }] },
    ],
    generationConfig: { maxOutputTokens: 100 },
  }),
  whole: (body) => gemini.streamed([body]),
  streamed(events) {
    const parts = events.flatMap((event) => event.candidates?.[0]?.content?.parts ?? []);
    const calls = parts.filter((part) => part.functionCall !== undefined);
    return {
      text: join(parts.map((part) => part.text)),
      calls: calls.map((part) => ({ name: part.functionCall.name, arguments: part.functionCall.args })),
      finish: join(events.map((event) => event.candidates?.[0]?.finishReason)),
    };
  },
  finish: { stop: "STOP", call: "STOP" },
};

const cohere: ClientCaller = {
  name: "cohere",
  path: () => "/v2/chat",
  body: (model, stream) => ({ model, messages: MESSAGES, tools: [CHAT_TOOL], max_tokens: 100, stream }),
  whole(body) {
    const calls = (body.message.tool_calls ?? []).map((call: Loose) => ({
      name: call.function.name,
      arguments: parse(call.function.arguments),
    }));
    return {
      text: join((body.message.content ?? []).map((part: Loose) => part.text)),
      calls,
      finish: body.finish_reason,
    };
  },
  streamed(events) {
    const calls: { name: string; text: string }[] = [];
    for (const event of events) {
      const call = event.delta?.message?.tool_calls;
      if (event.type === "tool-call-start")
        calls.push({ name: call.function.name, text: call.function.arguments ?? "" });
      const last = calls.at(-1);
      if (event.type === "tool-call-delta" && last !== undefined) last.text += call.function.arguments;
    }
    return {
      text: join(events.map((event) => event.delta?.message?.content?.text)),
      calls: calls.map((call) => ({ name: call.name, arguments: parse(call.text) })),
      finish: join(events.map((event) => event.delta?.finish_reason)),
    };
  },
  finish: { stop: "COMPLETE", call: "TOOL_CALL" },
};

const cohereV1: ClientCaller = {
  name: "cohere-v1",
  path: () => "/v1/chat",
  body: (model, stream) => ({
    model,
    message: PROMPT,
    tools: [
      {
        name: "weather",
        description: "d",
        parameter_definitions: { city: { type: "str", description: "c", required: true } },
      },
    ],
    max_tokens: 100,
    stream,
  }),
  whole: (body) => ({
    text: body.text,
    calls: (body.tool_calls ?? []).map((call: Loose) => ({ name: call.name, arguments: call.parameters })),
    finish: body.finish_reason,
  }),
  streamed(events) {
    const last = events.at(-1);
    const text = events.filter((event) => event.event_type === "text-generation").map((event) => event.text);
    return { ...cohereV1.whole(last.response), text: join(text), finish: last.finish_reason };
  },
  finish: { stop: "COMPLETE", call: "COMPLETE" },
};

const ollama: ClientCaller = {
  name: "ollama",
  path: () => "/api/chat",
  body: (model, stream) => ({
    model,
    messages: MESSAGES,
    tools: [CHAT_TOOL],
    options: { num_predict: 100 },
    ...(stream ? {} : { stream }),
  }),
  whole: (body) => ollama.streamed([body]),
  streamed(events) {
    const calls = events.flatMap((event) => event.message?.tool_calls ?? []);
    return {
      text: join(events.map((event) => event.message?.content)),
      calls: calls.map((call) => ({ name: call.function.name, arguments: call.function.arguments })),
      finish: events.at(-1)?.done === true ? events.at(-1).done_reason : "",
    };
  },
  finish: { stop: "stop", call: "stop" },
};

export const CALLERS: readonly ClientCaller[] = [
  openaiChat,
  openaiResponses,
  anthropic,
  gemini,
  cohere,
  cohereV1,
  ollama,
];

/** The data of every event of a stream: server-sent events or one object a line. `[DONE]` and comments are left out. */
export function eventsOf(text: string, contentType: string): Loose[] {
  if (!contentType.includes("event-stream")) {
    return text.split("\n").flatMap((line) => (line.trim() === "" ? [] : [JSON.parse(line)]));
  }
  return text.split(/\r?\n\r?\n/).flatMap((block) => {
    const data = block
      .split(/\r?\n/)
      .find((line) => line.startsWith("data: "))
      ?.slice(6);
    return data === undefined || data === "[DONE]" ? [] : [JSON.parse(data)];
  });
}
