/** What Anthropic's `/v1/messages` takes, by the SDK's types (1.11) and the rules of 40-protocols; members are closed. */

function closed(properties: Record<string, unknown>, required: readonly string[] = []) {
  return { type: "object", properties, required, additionalProperties: false };
}

const string = { type: "string" };
const filled = { type: "string", pattern: "\\S" };
const id = { type: "string", pattern: "^[a-zA-Z0-9_-]{1,64}$" };
const name = { type: "string", pattern: "^[a-zA-Z0-9_-]{1,128}$" };
const object = { type: "object" };
const cache_control = closed({ type: { const: "ephemeral" }, ttl: { enum: ["5m", "1h"] } }, ["type"]);

const text = closed({ type: { const: "text" }, text: filled, cache_control }, ["type", "text"]);
const image = closed(
  {
    type: { const: "image" },
    source: {
      anyOf: [
        closed(
          {
            type: { const: "base64" },
            media_type: { enum: ["image/jpeg", "image/png", "image/gif", "image/webp"] },
            data: filled,
          },
          ["type", "media_type", "data"],
        ),
        closed({ type: { const: "url" }, url: { pattern: "^https?:" } }, ["type", "url"]),
        closed({ type: { const: "file" }, file_id: string }, ["type", "file_id"]),
      ],
    },
    cache_control,
  },
  ["type", "source"],
);
const document = closed(
  {
    type: { const: "document" },
    source: object,
    title: string,
    context: string,
    citations: object,
    cache_control,
  },
  ["type", "source"],
);
const thinking = closed(
  {
    type: { const: "thinking" },
    thinking: string,
    signature: { type: "string", minLength: 1, not: { pattern: "^slc1\\." } },
  },
  ["type", "thinking", "signature"],
);
const redacted = closed({ type: { const: "redacted_thinking" }, data: filled }, ["type", "data"]);
const toolUse = closed({ type: { const: "tool_use" }, id, name, input: object, cache_control }, [
  "type",
  "id",
  "name",
  "input",
]);
const toolResult = closed(
  {
    type: { const: "tool_result" },
    tool_use_id: id,
    content: { anyOf: [string, { type: "array", minItems: 1, items: { anyOf: [text, image, document] } }] },
    is_error: { const: true },
    cache_control,
  },
  ["type", "tool_use_id"],
);

const blocks = (...kinds: unknown[]) => ({ type: "array", minItems: 1, items: { anyOf: kinds } });
const message = {
  anyOf: [
    closed({ role: { const: "user" }, content: blocks(text, image, document, toolResult) }, [
      "role",
      "content",
    ]),
    closed({ role: { const: "assistant" }, content: blocks(text, thinking, redacted, toolUse) }, [
      "role",
      "content",
    ]),
    closed({ role: { const: "system" }, content: blocks(text) }, ["role", "content"]),
  ],
};

export const anthropicRequestSchema = {
  ...closed(
    {
      model: string,
      max_tokens: { type: "integer", minimum: 1 },
      system: { type: "array", minItems: 1, items: text },
      messages: { type: "array", minItems: 1, items: message },
      tools: {
        type: "array",
        minItems: 1,
        items: closed(
          {
            name,
            description: string,
            input_schema: {
              type: "object",
              properties: { type: { const: "object" } },
              required: ["type"],
              not: { anyOf: ["oneOf", "anyOf", "allOf"].map((key) => ({ required: [key] })) },
            },
            strict: { const: true },
            cache_control,
          },
          ["name", "input_schema"],
        ),
      },
      tool_choice: {
        anyOf: [
          closed({ type: { enum: ["auto", "any"] }, disable_parallel_tool_use: { const: true } }, ["type"]),
          closed({ type: { const: "none" } }, ["type"]),
          closed({ type: { const: "tool" }, name, disable_parallel_tool_use: { const: true } }, [
            "type",
            "name",
          ]),
        ],
      },
      thinking: {
        anyOf: [
          closed({ type: { const: "enabled" }, budget_tokens: { type: "integer", minimum: 1024 } }, [
            "type",
            "budget_tokens",
          ]),
          closed({ type: { const: "adaptive" }, display: { enum: ["summarized", "omitted"] } }, ["type"]),
          closed({ type: { enum: ["disabled", "between_tools"] } }, ["type"]),
        ],
      },
      output_config: closed({
        effort: { enum: ["low", "medium", "high", "xhigh", "max"] },
        format: closed({ type: { const: "json_schema" }, schema: object }, ["type", "schema"]),
      }),
      stop_sequences: { type: "array", minItems: 1, items: filled },
      temperature: { type: "number", minimum: 0, maximum: 1 },
      top_p: { type: "number", minimum: 0, maximum: 1 },
      top_k: { type: "integer" },
      metadata: closed({ user_id: { type: "string", maxLength: 256 } }),
      service_tier: { enum: ["auto", "standard_only"] },
      speed: { const: "fast" },
      cache_control,
      stream: { const: true },
    },
    ["model", "max_tokens", "messages"],
  ),
  dependentRequired: { tool_choice: ["tools"] },
};

interface Block {
  type: string;
  id?: string;
  tool_use_id?: string;
}

/** Turns alternate from the user on; results come first and answer all calls of the turn before; null = in order. */
export function checkAnthropicMessages(body: {
  messages: { role: string; content: Block[] }[];
}): string | null {
  const seen = new Set<string>();
  let open = new Set<string>();
  let last = "assistant";
  for (const { role, content } of body.messages) {
    if (role === "system") continue;
    if (role === last) return `two ${role} turns in a row`;
    last = role;
    let others = false;
    for (const block of content) {
      if (block.type !== "tool_result") {
        others = true;
      } else if (others || !open.delete(block.tool_use_id ?? "")) {
        return `result ${block.tool_use_id} stands in the wrong place`;
      }
    }
    if (open.size > 0) return `no result for ${[...open].join(", ")}`;
    const calls = content.filter((block) => block.type === "tool_use").map((block) => block.id ?? "");
    if (calls.some((call) => seen.has(call)) || new Set(calls).size !== calls.length)
      return "a call id stands twice";
    for (const call of calls) seen.add(call);
    open = new Set(calls);
  }
  return open.size === 0 ? null : `no result for ${[...open].join(", ")}`;
}
