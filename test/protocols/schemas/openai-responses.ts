/** What OpenAI's `/v1/responses` takes, by the SDK's types (openai 6.49) and the rules of 40-protocols; members are closed. */

function closed(properties: Record<string, unknown>, required: readonly string[] = []) {
  return { type: "object", properties, required, additionalProperties: false };
}

const string = { type: "string" };
const text = { type: "string", not: { pattern: "slc1\\." } };
const id = { type: "string", minLength: 1, maxLength: 64 };
const name = { type: "string", pattern: "^[A-Za-z0-9_-]{1,64}$" };
const object = { type: "object" };

const inputText = closed({ type: { const: "input_text" }, text }, ["type", "text"]);
const inputImage = {
  ...closed(
    {
      type: { const: "input_image" },
      detail: { enum: ["auto", "low", "high", "original"] },
      image_url: { type: "string", pattern: "^(https?:|data:image/[a-z]+;base64,)" },
      file_id: string,
    },
    ["type", "detail"],
  ),
  anyOf: [{ required: ["image_url"] }, { required: ["file_id"] }],
};
const inputFile = closed(
  {
    type: { const: "input_file" },
    filename: string,
    file_data: { type: "string", pattern: "^data:" },
    file_url: string,
    file_id: string,
  },
  ["type"],
);
const inputContent = { type: "array", minItems: 1, items: { anyOf: [inputText, inputImage, inputFile] } };
const outputText = closed({ type: { const: "output_text" }, text, annotations: { type: "array" } }, [
  "type",
  "text",
]);
const refusal = closed({ type: { const: "refusal" }, refusal: text }, ["type", "refusal"]);

const item = {
  anyOf: [
    closed(
      { type: { const: "message" }, role: { enum: ["user", "system", "developer"] }, content: inputContent },
      ["type", "role", "content"],
    ),
    closed(
      {
        type: { const: "message" },
        role: { const: "assistant" },
        content: { type: "array", minItems: 1, items: { anyOf: [outputText, refusal] } },
        phase: string,
      },
      ["type", "role", "content"],
    ),
    closed(
      { type: { const: "function_call" }, call_id: id, name, arguments: { type: "string", minLength: 2 } },
      ["type", "call_id", "name", "arguments"],
    ),
    closed({ type: { const: "custom_tool_call" }, call_id: id, name, input: string }, [
      "type",
      "call_id",
      "name",
      "input",
    ]),
    closed(
      {
        type: { enum: ["function_call_output", "custom_tool_call_output"] },
        call_id: id,
        output: { anyOf: [text, inputContent] },
      },
      ["type", "call_id", "output"],
    ),
    closed(
      {
        type: { const: "reasoning" },
        id,
        summary: {
          type: "array",
          items: closed({ type: { const: "summary_text" }, text: string }, ["type", "text"]),
        },
        encrypted_content: { type: "string", minLength: 1, not: { pattern: "^slc1\\." } },
      },
      ["type", "id", "summary", "encrypted_content"],
    ),
  ],
};

const tool = {
  anyOf: [
    closed(
      {
        type: { const: "function" },
        name,
        description: string,
        parameters: object,
        strict: { type: "boolean" },
      },
      ["type", "name", "parameters", "strict"],
    ),
    closed({ type: { const: "custom" }, name, description: string, format: object }, ["type", "name"]),
  ],
};

const named = closed({ type: { enum: ["function", "custom"] }, name }, ["type", "name"]);

const format = {
  anyOf: [
    closed({ type: { enum: ["text", "json_object"] } }, ["type"]),
    closed(
      {
        type: { const: "json_schema" },
        name,
        description: string,
        schema: object,
        strict: { type: "boolean" },
      },
      ["type", "name", "schema"],
    ),
  ],
};

export const responsesRequestSchema = {
  ...closed(
    {
      model: { type: "string", minLength: 1 },
      instructions: text,
      input: { type: "array", minItems: 1, items: item },
      tools: { type: "array", minItems: 1, items: tool },
      tool_choice: {
        anyOf: [
          { enum: ["auto", "none", "required"] },
          named,
          closed(
            {
              type: { const: "allowed_tools" },
              mode: { enum: ["auto", "required"] },
              tools: { type: "array", items: named },
            },
            ["type", "mode", "tools"],
          ),
        ],
      },
      parallel_tool_calls: { type: "boolean" },
      text: closed({ format, verbosity: { enum: ["low", "medium", "high"] } }),
      max_output_tokens: { type: "integer", minimum: 16 },
      temperature: { type: "number", minimum: 0, maximum: 2 },
      top_p: { type: "number", minimum: 0, maximum: 1 },
      top_logprobs: { type: "integer", maximum: 20 },
      reasoning: closed({
        effort: { enum: ["none", "minimal", "low", "medium", "high", "xhigh", "max"] },
        summary: { enum: ["auto", "concise", "detailed"] },
      }),
      include: {
        type: "array",
        items: { enum: ["reasoning.encrypted_content", "message.output_text.logprobs"] },
      },
      metadata: { type: "object", additionalProperties: string, maxProperties: 16 },
      safety_identifier: { type: "string", maxLength: 64 },
      prompt_cache_key: string,
      service_tier: { enum: ["auto", "default", "flex", "scale", "priority"] },
      store: { const: false },
      stream: { type: "boolean" },
    },
    ["model", "input", "store"],
  ),
  dependentRequired: { tool_choice: ["tools"], parallel_tool_calls: ["tools"] },
};

/** Every output answers a call before it, every call has one, and no reasoning stands alone; null = in order. */
export function checkResponsesInput(body: { input: { type: string; call_id?: string }[] }): string | null {
  const open = new Set<string>();
  const seen = new Set<string>();
  for (const [index, { type, call_id: callId = "" }] of body.input.entries()) {
    if (type === "function_call" || type === "custom_tool_call") {
      if (seen.has(callId)) return `call id ${callId} stands twice`;
      seen.add(callId);
      open.add(callId);
    } else if (type.endsWith("_output")) {
      if (!open.delete(callId)) return `output ${callId} answers nothing`;
    } else if (type === "reasoning") {
      const next = body.input[index + 1]?.type;
      if (next === undefined || next.endsWith("_output")) return `reasoning ${index} stands alone`;
    }
  }
  return open.size === 0 ? null : `no output for ${[...open].join(", ")}`;
}
