/** What Ollama's `/api/chat` takes, by its API document and the `ollama` package's types. */

function closed(properties: Record<string, unknown>, required: readonly string[] = []) {
  return { type: "object", properties, required, additionalProperties: false };
}

const string = { type: "string" };
const text = { type: "string", not: { pattern: "slc1\\." } };
const images = { type: "array", minItems: 1, items: { type: "string", pattern: "^[A-Za-z0-9+/=]+$" } };
const call = closed(
  { function: closed({ name: string, arguments: { type: "object" } }, ["name", "arguments"]) },
  ["function"],
);

const message = {
  anyOf: [
    closed({ role: { const: "system" }, content: text }, ["role", "content"]),
    closed({ role: { const: "user" }, content: text, images }, ["role", "content"]),
    closed(
      {
        role: { const: "assistant" },
        content: text,
        thinking: string,
        tool_calls: { type: "array", minItems: 1, items: call },
      },
      ["role", "content"],
    ),
    closed({ role: { const: "tool" }, content: text, tool_name: string, images }, ["role", "content"]),
  ],
};

const tool = closed(
  {
    type: { const: "function" },
    function: closed({ name: string, description: string, parameters: { type: "object" } }, [
      "name",
      "parameters",
    ]),
  },
  ["type", "function"],
);

export const ollamaRequestSchema = closed(
  {
    model: { type: "string", minLength: 1 },
    messages: { type: "array", minItems: 1, items: message },
    stream: { type: "boolean" },
    tools: { type: "array", minItems: 1, items: tool },
    format: { anyOf: [{ const: "json" }, { type: "object" }] },
    think: { anyOf: [{ type: "boolean" }, { enum: ["low", "medium", "high"] }] },
    keep_alive: {},
    options: closed({
      num_predict: { type: "integer" },
      temperature: { type: "number" },
      top_p: { type: "number" },
      top_k: { type: "integer" },
      seed: { type: "integer" },
      stop: { type: "array", items: string },
      presence_penalty: { type: "number" },
      frequency_penalty: { type: "number" },
    }),
  },
  ["model", "messages", "stream"],
);
