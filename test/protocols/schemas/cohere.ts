/** What Cohere's chat takes, v2 and v1, by its SDK's types and guides. */

/** A closed object. */
function closed(properties: Record<string, unknown>, required: readonly string[] = []) {
  return { type: "object", properties, required, additionalProperties: false };
}

const string = { type: "string" };
const text = { type: "string", not: { pattern: "slc1\\." } };
const object = { type: "object" };
const name = { type: "string", pattern: "^[A-Za-z_]\\w*$" };

const textBlock = closed({ type: { const: "text" }, text }, ["type", "text"]);
const imageBlock = closed(
  {
    type: { const: "image_url" },
    image_url: closed(
      {
        url: { type: "string", pattern: "^(https?:|data:image/)" },
        detail: { enum: ["auto", "low", "high"] },
      },
      ["url"],
    ),
  },
  ["type", "image_url"],
);
const thinkingBlock = closed({ type: { const: "thinking" }, thinking: text }, ["type", "thinking"]);
const document = closed({ id: string, data: object }, ["data"]);
const documentBlock = closed({ type: { const: "document" }, document }, ["type", "document"]);

function content(...blocks: object[]) {
  return { anyOf: [text, { type: "array", minItems: 1, items: { anyOf: blocks } }] };
}

const call = closed(
  {
    id: { type: "string", minLength: 1 },
    type: { const: "function" },
    function: closed({ name, arguments: string }, ["name", "arguments"]),
  },
  ["id", "type", "function"],
);

const chatMessage = {
  anyOf: [
    closed({ role: { const: "system" }, content: content(textBlock) }, ["role", "content"]),
    closed({ role: { const: "user" }, content: content(textBlock, imageBlock) }, ["role", "content"]),
    {
      ...closed(
        {
          role: { const: "assistant" },
          content: content(textBlock, thinkingBlock),
          tool_plan: text,
          tool_calls: { type: "array", minItems: 1, items: call },
        },
        ["role"],
      ),
      anyOf: [{ required: ["content"] }, { required: ["tool_calls"] }],
    },
    closed({ role: { const: "tool" }, tool_call_id: string, content: content(textBlock, documentBlock) }, [
      "role",
      "tool_call_id",
      "content",
    ]),
  ],
};

const sampling = {
  max_tokens: { type: "integer", minimum: 1 },
  temperature: { type: "number", minimum: 0 },
  p: { type: "number", minimum: 0.01, maximum: 0.99 },
  k: { type: "integer", minimum: 0, maximum: 500 },
  seed: { type: "integer" },
  presence_penalty: { type: "number", minimum: 0, maximum: 1 },
  frequency_penalty: { type: "number", minimum: 0, maximum: 1 },
  stop_sequences: { type: "array", maxItems: 5, items: string },
  stream: { type: "boolean" },
};

export const cohereRequestSchema = {
  ...closed(
    {
      model: string,
      messages: { type: "array", minItems: 1, items: chatMessage },
      tools: {
        type: "array",
        minItems: 1,
        items: closed(
          {
            type: { const: "function" },
            function: closed({ name, description: string, parameters: object }, ["name", "parameters"]),
          },
          ["type", "function"],
        ),
      },
      tool_choice: { enum: ["REQUIRED", "NONE"] },
      strict_tools: { type: "boolean" },
      documents: { type: "array", minItems: 1, items: { anyOf: [string, document] } },
      citation_options: object,
      response_format: closed({ type: { enum: ["text", "json_object"] }, json_schema: object }, ["type"]),
      safety_mode: { enum: ["CONTEXTUAL", "STRICT", "OFF"] },
      logprobs: { type: "boolean" },
      thinking: closed(
        { type: { enum: ["enabled", "disabled"] }, token_budget: { type: "integer", minimum: 1 } },
        ["type"],
      ),
      priority: { type: "integer" },
      ...sampling,
    },
    ["model", "messages"],
  ),
  dependentRequired: { tool_choice: ["tools"], strict_tools: ["tools"] },
  // Neither a format nor a safety mode beside tools or documents (40-protocols 1.5).
  not: {
    allOf: [
      { anyOf: [{ required: ["tools"] }, { required: ["documents"] }] },
      { anyOf: [{ required: ["response_format"] }, { required: ["safety_mode"] }] },
    ],
  },
};

const callV1 = closed({ name, parameters: object }, ["name", "parameters"]);
const resultsV1 = {
  type: "array",
  minItems: 1,
  items: closed({ call: callV1, outputs: { type: "array", items: object } }, ["call", "outputs"]),
};

export const cohereV1RequestSchema = closed(
  {
    model: string,
    message: text,
    preamble: text,
    chat_history: {
      type: "array",
      minItems: 1,
      items: {
        anyOf: [
          closed({ role: { enum: ["USER", "SYSTEM"] }, message: text }, ["role", "message"]),
          closed(
            {
              role: { const: "CHATBOT" },
              message: text,
              tool_calls: { type: "array", minItems: 1, items: callV1 },
            },
            ["role", "message"],
          ),
          closed({ role: { const: "TOOL" }, tool_results: resultsV1 }, ["role", "tool_results"]),
        ],
      },
    },
    tool_results: resultsV1,
    tools: {
      type: "array",
      minItems: 1,
      items: closed(
        {
          name,
          description: string,
          parameter_definitions: {
            type: "object",
            additionalProperties: closed(
              { description: string, type: string, required: { type: "boolean" } },
              ["type"],
            ),
          },
        },
        ["name", "description"],
      ),
    },
    documents: { type: "array", minItems: 1, items: { type: "object", additionalProperties: string } },
    response_format: closed({ type: { enum: ["text", "json_object"] }, schema: object }, ["type"]),
    safety_mode: { enum: ["CONTEXTUAL", "STRICT", "NONE"] },
    citation_quality: string,
    prompt_truncation: string,
    max_input_tokens: { type: "integer" },
    ...sampling,
  },
  ["message"],
);
