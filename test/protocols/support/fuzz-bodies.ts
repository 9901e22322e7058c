/** Bodies of Gemini's and Cohere's clients that hold everything these protocols know, for fuzzing. */

const SCHEMA = { type: "object", properties: { a: { type: "string" } } };
const PNG = "iVBORw0KGgo=";

export const GEMINI_BODY = {
  contents: [
    {
      role: "user",
      parts: [
        { text: "look" },
        {
          inlineData: { mimeType: "image/png", data: PNG },
          mediaResolution: { level: "MEDIA_RESOLUTION_LOW" },
        },
        { fileData: { fileUri: "https://example.com/a.png", mimeType: "image/png" } },
      ],
    },
    {
      role: "model",
      parts: [
        { text: "hm", thought: true, thoughtSignature: Buffer.from("slc1.eyJ2IjoxfQ").toString("base64") },
        { text: "I call" },
        { functionCall: { id: "c1", name: "f", args: { a: "1" } }, thoughtSignature: "R29vZ2xl" },
        { functionCall: { name: "f", args: {} } },
        { executableCode: { code: "1" } },
      ],
    },
    {
      role: "function",
      parts: [
        {
          functionResponse: {
            id: "c1",
            name: "f",
            response: { output: "x" },
            parts: [{ inlineData: { mimeType: "image/png", data: PNG } }],
          },
        },
        { functionResponse: { name: "f", response: { error: "y" } } },
      ],
    },
    { parts: { text: "go on" } },
  ],
  system_instruction: { parts: [{ text: "be brief" }] },
  tools: [
    {
      functionDeclarations: [
        { name: "f", description: "d", parametersJsonSchema: SCHEMA },
        {
          name: "g",
          parameters: {
            type: "OBJECT",
            properties: { a: { type: "STRING", nullable: true, minLength: "2" } },
          },
        },
      ],
    },
    { googleSearch: {} },
  ],
  toolConfig: { functionCallingConfig: { mode: "ANY", allowedFunctionNames: ["f", "g"] } },
  generationConfig: {
    temperature: 0.5,
    topP: 0.9,
    topK: 4,
    seed: 1,
    maxOutputTokens: 50,
    stopSequences: ["a"],
    responseMimeType: "application/json",
    responseJsonSchema: SCHEMA,
    thinkingConfig: { includeThoughts: true, thinkingBudget: 100 },
    speechConfig: {},
  },
  safetySettings: [{ category: "x", threshold: "y" }],
  labels: { a: "b" },
  serviceTier: "flex",
};

export const COHERE_BODY = {
  model: "m",
  messages: [
    { role: "system", content: "s" },
    {
      role: "user",
      content: [
        { type: "text", text: "x" },
        { type: "image_url", image_url: { url: `data:image/png;base64,${PNG}`, detail: "low" } },
      ],
    },
    {
      role: "assistant",
      tool_plan: "p",
      content: [
        { type: "thinking", thinking: "t" },
        { type: "text", text: "c" },
      ],
      tool_calls: [{ id: "c1", type: "function", function: { name: "f", arguments: '{"a":"1"}' } }],
    },
    { role: "tool", tool_call_id: "c1", content: [{ type: "document", document: { data: { text: "r" } } }] },
    { role: "user", content: "y" },
  ],
  tools: [{ type: "function", function: { name: "f", description: "d", parameters: SCHEMA } }],
  tool_choice: "REQUIRED",
  strict_tools: true,
  documents: ["a", { id: "d", data: { title: "t", text: "b" } }],
  response_format: { type: "json_object", json_schema: SCHEMA },
  safety_mode: "STRICT",
  thinking: { type: "enabled", token_budget: 100 },
  citation_options: { mode: "FAST" },
  max_tokens: 5,
  p: 0.5,
  k: 5,
  stop_sequences: ["a"],
  stream: true,
};

export const COHERE_V1_BODY = {
  model: "m",
  message: "",
  preamble: "s",
  chat_history: [
    { role: "USER", message: "x" },
    { role: "CHATBOT", message: "p", tool_calls: [{ name: "f", parameters: { a: "1" } }] },
    { role: "TOOL", tool_results: [{ call: { name: "f", parameters: { a: "1" } }, outputs: [{ r: 1 }] }] },
    { role: "CHATBOT", message: "", tool_calls: [{ name: "f", parameters: {} }] },
  ],
  tool_results: [{ call: { name: "f", parameters: {} }, outputs: [{ error: "e" }, { x: 1 }] }],
  tools: [
    {
      name: "f",
      description: "d",
      parameter_definitions: { a: { type: "List[str]", description: "e", required: true } },
    },
  ],
  documents: [{ title: "t", snippet: "b" }],
  response_format: { type: "json_object", schema: SCHEMA },
  temperature: 0.5,
  stream: true,
};
