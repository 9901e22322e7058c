/** What the Gemini API takes as a `generateContent` body: its protobuf refuses any member it does not know. */

/** A closed object. */
function message(properties: Record<string, unknown>, required: readonly string[] = []) {
  return { type: "object", properties, required, additionalProperties: false };
}

/** Exactly one of the members that hold a part's data. */
function oneOf(names: readonly string[]) {
  return { oneOf: names.map((name) => ({ required: [name] })) };
}

const string = { type: "string" };
const text = { type: "string", not: { pattern: "slc1\\." } };
const object = { type: "object" };
const name = { type: "string", pattern: "^[A-Za-z_][\\w.:-]{0,127}$" };
const blob = message({ mimeType: { type: "string", pattern: "^[a-z]+/" }, data: string }, [
  "mimeType",
  "data",
]);
const file = message({ mimeType: string, fileUri: { type: "string", minLength: 1 } }, ["fileUri"]);
const signature = { type: "string", minLength: 1, not: { pattern: "^(c2xjMS5l|slc1\\.)" } };

const part = {
  ...message({
    text,
    thought: { type: "boolean" },
    thoughtSignature: signature,
    inlineData: blob,
    fileData: file,
    functionCall: message({ id: string, name, args: object }, ["name"]),
    functionResponse: message(
      {
        id: string,
        name,
        response: object,
        parts: {
          type: "array",
          items: message({ inlineData: blob, fileData: file, mediaResolution: object }),
        },
      },
      ["name", "response"],
    ),
    executableCode: object,
    codeExecutionResult: object,
    mediaResolution: message({
      level: { enum: ["LOW", "MEDIUM", "HIGH", "ULTRA_HIGH"].map((word) => `MEDIA_RESOLUTION_${word}`) },
    }),
  }),
  ...oneOf([
    "text",
    "inlineData",
    "fileData",
    "functionCall",
    "functionResponse",
    "executableCode",
    "codeExecutionResult",
  ]),
};

const content = message(
  { role: { enum: ["user", "model"] }, parts: { type: "array", minItems: 1, items: part } },
  ["role", "parts"],
);

const generationConfig = message({
  temperature: { type: "number", minimum: 0, maximum: 2 },
  topP: { type: "number", minimum: 0, maximum: 1 },
  topK: { type: "integer", minimum: 1 },
  seed: { type: "integer" },
  candidateCount: { type: "integer", minimum: 1, maximum: 8 },
  maxOutputTokens: { type: "integer", minimum: 1 },
  stopSequences: { type: "array", maxItems: 5, items: string },
  presencePenalty: { type: "number" },
  frequencyPenalty: { type: "number" },
  responseLogprobs: { type: "boolean" },
  logprobs: { type: "integer" },
  responseMimeType: { enum: ["text/plain", "application/json", "text/x.enum"] },
  responseSchema: object,
  responseJsonSchema: {},
  responseModalities: { type: "array", items: string },
  mediaResolution: string,
  speechConfig: object,
  imageConfig: object,
  thinkingConfig: {
    ...message({
      includeThoughts: { type: "boolean" },
      thinkingBudget: { type: "integer", minimum: -1 },
      thinkingLevel: { enum: ["MINIMAL", "LOW", "MEDIUM", "HIGH"] },
    }),
    // Never both (40-protocols 1.7).
    not: { required: ["thinkingBudget", "thinkingLevel"] },
  },
});

const declaration = {
  ...message({ name, description: string, parameters: object, parametersJsonSchema: object }, ["name"]),
  not: { required: ["parameters", "parametersJsonSchema"] },
};

const calling = {
  ...message({
    mode: { enum: ["AUTO", "ANY", "NONE", "VALIDATED"] },
    allowedFunctionNames: { type: "array", minItems: 1, items: name },
  }),
  // Names may only be given with these modes.
  if: { required: ["allowedFunctionNames"] },
  // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
  then: { properties: { mode: { enum: ["ANY", "VALIDATED"] } } },
};

export const geminiRequestSchema = {
  ...message(
    {
      contents: { type: "array", minItems: 1, items: content },
      systemInstruction: message({ role: string, parts: { type: "array", minItems: 1, items: part } }, [
        "parts",
      ]),
      tools: {
        type: "array",
        minItems: 1,
        items: message({
          functionDeclarations: { type: "array", minItems: 1, items: declaration },
          googleSearch: object,
          codeExecution: object,
          urlContext: object,
        }),
      },
      toolConfig: message({ functionCallingConfig: calling }),
      safetySettings: { type: "array", items: object },
      generationConfig,
      cachedContent: string,
      labels: { type: "object", additionalProperties: { type: "string", maxLength: 63 } },
      serviceTier: { enum: ["flex", "standard", "priority"] },
    },
    ["contents"],
  ),
  // A tool choice without tools is a 400.
  dependentRequired: { toolConfig: ["tools"] },
};

/** What no schema can say: roles alternate, the user begins, responses answer all calls before them in their order. */
export function checkGeminiTurns(body: {
  readonly contents: readonly {
    readonly role: string;
    readonly parts: readonly Record<string, { name?: string }>[];
  }[];
}): string | null {
  let last = "";
  let open: (string | undefined)[] = [];
  for (const [index, { role, parts }] of body.contents.entries()) {
    if (index === 0 && role !== "user") return "the first content is not the user's";
    if (role === last) return `contents[${index}] repeats the role ${role}`;
    last = role;
    const answers = parts.flatMap((each) =>
      each.functionResponse === undefined ? [] : [each.functionResponse.name],
    );
    if (role === "user" && answers.join() !== open.join())
      return `contents[${index}] answers [${answers}] to the calls [${open}]`;
    open = parts.flatMap((each) => (each.functionCall === undefined ? [] : [each.functionCall.name]));
  }
  return open.length === 0 ? null : "the last calls have no responses";
}
