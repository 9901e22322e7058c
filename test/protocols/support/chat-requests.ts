/** Chat requests of every kind, for the tests of targets: what each holds is its name. */

const TOOLS = ["get_weather", "search-the.web"].map((name) => ({
  type: "function",
  function: {
    name: name.replace(".", "-"),
    description: "d",
    parameters: {
      $schema: "http://json-schema.org/draft-07/schema#",
      type: "object",
      properties: { q: { type: "string", minLength: 1 } },
      additionalProperties: false,
    },
  },
}));
const call = (id: string, name: string, args: string) => ({
  id,
  type: "function",
  function: { name, arguments: args },
});
const PNG = "data:image/png;base64,iVBORw0KGgo=";

export const CHAT_REQUESTS: Readonly<Record<string, Record<string, unknown>>> = {
  text: { messages: [{ role: "user", content: "hi" }] },
  instructions: {
    messages: [
      { role: "system", content: "a" },
      { role: "developer", content: "b" },
      { role: "user", content: "hi" },
      { role: "assistant", content: "hello" },
      { role: "system", content: "now French" },
      { role: "user", content: "merci" },
    ],
  },
  "white space only": {
    messages: [
      { role: "user", content: " " },
      { role: "assistant", content: "" },
      { role: "user", content: "\n" },
    ],
  },
  "the assistant begins and ends": {
    messages: [
      { role: "assistant", content: "a" },
      { role: "user", content: "b" },
      { role: "assistant", content: "c" },
    ],
  },
  tools: { messages: [{ role: "user", content: "hi" }], tools: TOOLS },
  "forced tool": {
    messages: [{ role: "user", content: "hi" }],
    tools: TOOLS,
    tool_choice: { type: "function", function: { name: "get_weather" } },
  },
  "tool subset": {
    messages: [{ role: "user", content: "hi" }],
    tools: TOOLS,
    tool_choice: {
      type: "allowed_tools",
      allowed_tools: { mode: "auto", tools: [{ type: "function", function: { name: "get_weather" } }] },
    },
  },
  "no tools": { messages: [{ role: "user", content: "hi" }], tools: [], tool_choice: "auto" },
  "tool round trip": {
    messages: [
      { role: "user", content: "hi" },
      {
        role: "assistant",
        content: "",
        tool_calls: [call("call_0", "get_weather", '{"q":"a"}'), call("call_1", "search-the-web", "")],
      },
      { role: "tool", tool_call_id: "call_1", content: "two" },
      { role: "tool", tool_call_id: "call_0", content: '{"t":1}' },
      { role: "assistant", content: null, tool_calls: [call("call_0", "get_weather", '{"q":"b"}')] },
      { role: "tool", tool_call_id: "call_0", content: "" },
    ],
    tools: TOOLS,
  },
  "interrupted call": {
    messages: [
      { role: "user", content: "hi" },
      { role: "assistant", tool_calls: [call("c", "get_weather", "{}")] },
      { role: "user", content: "stop" },
      { role: "tool", tool_call_id: "other", content: "late" },
    ],
    tools: TOOLS,
  },
  "custom tool": {
    messages: [
      { role: "user", content: "hi" },
      {
        role: "assistant",
        tool_calls: [{ id: "c", type: "custom", custom: { name: "patch", input: "*** begin\n" } }],
      },
      { role: "tool", tool_call_id: "c", content: "ok" },
    ],
    tools: [{ type: "custom", custom: { name: "patch", description: "d", format: { type: "text" } } }],
  },
  image: {
    messages: [
      {
        role: "user",
        content: [
          { type: "text", text: "look" },
          { type: "image_url", image_url: { url: PNG, detail: "high" } },
        ],
      },
    ],
  },
  "json object": { messages: [{ role: "user", content: "hi" }], response_format: { type: "json_object" } },
  "json schema": {
    messages: [{ role: "user", content: "hi" }],
    response_format: {
      type: "json_schema",
      json_schema: { name: "x", schema: { type: "object", oneOf: [{}] } },
    },
  },
  "json schema and tools": {
    messages: [{ role: "user", content: "hi" }],
    tools: TOOLS,
    response_format: { type: "json_schema", json_schema: { name: "x", schema: { type: "object" } } },
  },
  sampling: {
    messages: [{ role: "user", content: "hi" }],
    temperature: 2,
    top_p: 1,
    seed: 1,
    presence_penalty: -2,
    frequency_penalty: 2,
    stop: ["a", "b"],
    max_completion_tokens: 5,
    logprobs: true,
    top_logprobs: 2,
    logit_bias: { 1: 1 },
    user: "u",
    metadata: { a: "b" },
    service_tier: "priority",
    store: true,
  },
  ...Object.fromEntries(
    ["none", "minimal", "low", "medium", "high", "xhigh"].map((effort) => [
      `effort ${effort}`,
      { messages: [{ role: "user", content: "hi" }], reasoning_effort: effort },
    ]),
  ),
  stream: {
    messages: [{ role: "user", content: "hi" }],
    stream: true,
    stream_options: { include_usage: true },
  },
};
