/** What OpenAI's `/v1/chat/completions` takes, by the SDK's types (openai 6.49) and the rules of 40-protocols; members are closed. */

function closed(properties: Record<string, unknown>, required: readonly string[] = []) {
  return { type: "object", properties, required, additionalProperties: false };
}

const string = { type: "string" };
const text = { type: "string", not: { pattern: "slc1\\." } };
const id = { type: "string", minLength: 1, maxLength: 40 };
const name = { type: "string", pattern: "^[A-Za-z0-9_-]{1,64}$" };
const object = { type: "object" };

const textPart = closed({ type: { const: "text" }, text, prompt_cache_breakpoint: object }, ["type", "text"]);
const imagePart = closed(
  {
    type: { const: "image_url" },
    image_url: closed(
      {
        url: { type: "string", pattern: "^(https?:|data:image/[a-z]+;base64,)" },
        detail: { enum: ["auto", "low", "high"] },
      },
      ["url"],
    ),
  },
  ["type", "image_url"],
);
const audioPart = closed(
  {
    type: { const: "input_audio" },
    input_audio: closed({ data: string, format: { enum: ["wav", "mp3"] } }, ["data", "format"]),
  },
  ["type", "input_audio"],
);
const filePart = closed(
  {
    type: { const: "file" },
    file: closed({ filename: string, file_data: { pattern: "^data:" }, file_id: string }),
  },
  ["type", "file"],
);

const textContent = { anyOf: [text, { type: "array", minItems: 1, items: textPart }] };
const call = {
  anyOf: [
    closed(
      {
        id,
        type: { const: "function" },
        function: closed({ name, arguments: string }, ["name", "arguments"]),
      },
      ["id", "type", "function"],
    ),
    closed({ id, type: { const: "custom" }, custom: closed({ name, input: string }, ["name", "input"]) }, [
      "id",
      "type",
      "custom",
    ]),
  ],
};
const message = {
  anyOf: [
    closed({ role: { enum: ["system", "developer"] }, content: textContent }, ["role", "content"]),
    closed(
      {
        role: { const: "user" },
        content: {
          anyOf: [
            text,
            { type: "array", minItems: 1, items: { anyOf: [textPart, imagePart, audioPart, filePart] } },
          ],
        },
      },
      ["role", "content"],
    ),
    closed(
      {
        role: { const: "assistant" },
        content: { anyOf: [text, { type: "null" }] },
        tool_calls: { type: "array", minItems: 1, items: call },
      },
      ["role"],
    ),
    closed({ role: { const: "tool" }, tool_call_id: id, content: textContent }, [
      "role",
      "tool_call_id",
      "content",
    ]),
  ],
};
const tool = {
  anyOf: [
    closed(
      {
        type: { const: "function" },
        function: closed({ name, description: string, parameters: object, strict: { type: "boolean" } }, [
          "name",
          "parameters",
        ]),
      },
      ["type", "function"],
    ),
    closed(
      { type: { const: "custom" }, custom: closed({ name, description: string, format: object }, ["name"]) },
      ["type", "custom"],
    ),
  ],
};

export const chatRequestSchema = {
  ...closed(
    {
      model: string,
      messages: { type: "array", minItems: 1, items: message },
      tools: { type: "array", minItems: 1, items: tool },
      tool_choice: { anyOf: [{ enum: ["auto", "none", "required"] }, object] },
      parallel_tool_calls: { type: "boolean" },
      response_format: object,
      verbosity: { enum: ["low", "medium", "high"] },
      max_completion_tokens: { type: "integer", minimum: 1 },
      temperature: { type: "number", minimum: 0, maximum: 2 },
      top_p: { type: "number", minimum: 0, maximum: 1 },
      seed: { type: "integer" },
      stop: { type: "array", minItems: 1, maxItems: 4, items: string },
      n: { type: "integer", minimum: 1 },
      presence_penalty: { type: "number" },
      frequency_penalty: { type: "number" },
      logit_bias: object,
      logprobs: { type: "boolean" },
      top_logprobs: { type: "integer" },
      reasoning_effort: { enum: ["none", "minimal", "low", "medium", "high", "xhigh", "max"] },
      prompt_cache_key: string,
      safety_identifier: { type: "string", maxLength: 64 },
      metadata: { type: "object", additionalProperties: string, maxProperties: 16 },
      service_tier: { enum: ["auto", "default", "flex", "scale", "priority"] },
      stream: { const: true },
      stream_options: closed({ include_usage: { const: true } }, ["include_usage"]),
    },
    ["model", "messages"],
  ),
  dependentRequired: { tool_choice: ["tools"], parallel_tool_calls: ["tools"], stream_options: ["stream"] },
};

interface ChatMessage {
  role: string;
  tool_calls?: { id: string }[];
  tool_call_id?: string;
}

/** Results stand right behind the message with their calls, one for each; null = in order. */
export function checkChatMessages(body: { messages: ChatMessage[] }): string | null {
  let open = new Set<string>();
  for (const { role, tool_calls: calls = [], tool_call_id: callId = "" } of body.messages) {
    if (role === "tool") {
      if (!open.delete(callId)) return `result ${callId} answers nothing`;
      continue;
    }
    if (open.size > 0) return `no result for ${[...open].join(", ")}`;
    open = new Set(calls.map((call) => call.id));
    if (open.size !== calls.length) return "a call id stands twice";
  }
  return open.size === 0 ? null : `no result for ${[...open].join(", ")}`;
}
