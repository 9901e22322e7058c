import assert from "node:assert/strict";
import { test } from "node:test";
import { Failure } from "../../../src/base/failure.ts";
import { gemini } from "../../../src/protocols/gemini/gemini.ts";
import { Conversion, type ConversionOptions } from "../support/conversion.ts";

/** What a Gemini client's body becomes for a Gemini target when it must be converted (Vertex, a continuation). */
function roundTrip(body: unknown, options: ConversionOptions = {}) {
  const conversion = new Conversion(gemini, gemini, { model: "gemini-2.5-flash", ...options });
  return { body: conversion.requestBody(body), warnings: conversion.warnings, conversion };
}

const user = (text: string) => ({ role: "user", parts: [{ text }] });

test("93: snake_case, a single object for parts and contents, a missing role and Gemini's schema are all understood", () => {
  const { request } = new Conversion(gemini, gemini).decodeRequest({
    contents: { parts: { text: "hi" } },
    system_instruction: { parts: { text: "be short" } },
    tools: {
      function_declarations: {
        name: "f",
        parameters: {
          type: "OBJECT",
          property_ordering: ["a_b"],
          properties: { a_b: { type: "STRING", nullable: true, min_length: "2", example: "x" } },
        },
      },
    },
    tool_config: { function_calling_config: { mode: "any", allowed_function_names: ["f"] } },
    generation_config: { max_output_tokens: 5, top_p: 0.5, stop_sequences: ["x"] },
  });
  assert.deepEqual(request.turns, [{ role: "user", parts: [{ type: "text", text: "hi" }] }]);
  assert.deepEqual(request.system, [{ text: "be short", role: "system" }]);
  assert.deepEqual(JSON.parse(request.tools[0]?.schema ?? ""), {
    type: "object",
    properties: { a_b: { type: ["string", "null"], minLength: 2 } },
  });
  assert.deepEqual(request.choice, { mode: "one", names: ["f"] });
  assert.deepEqual(request.sampling, { max: 5, topP: 0.5, stop: ["x"] });
});

test("11: a tool schema reaches Gemini byte for byte as parametersJsonSchema", () => {
  const schema =
    '{"$schema":"http://json-schema.org/draft-07/schema#","type":"object","properties":{"n":{"exclusiveMinimum":12345678901234567890,"const":1}},"uniqueItems":true,"additionalProperties":false}';
  const text = new Conversion(gemini, gemini).requestText(
    `{"contents":[{"parts":[{"text":"x"}]}],"tools":[{"functionDeclarations":[{"name":"f","parametersJsonSchema":${schema}}]}]}`,
  );
  assert.ok(text.includes(`"parametersJsonSchema":${schema}`), text);
});

test("12: a result names the function that was called, found by its id", () => {
  const { body } = roundTrip({
    contents: [
      user("weather?"),
      { role: "model", parts: [{ functionCall: { id: "c1", name: "get_weather", args: { city: "Oslo" } } }] },
      { role: "user", parts: [{ functionResponse: { id: "c1", response: { output: "cold" } } }] },
    ],
  });
  assert.deepEqual(body.contents[2].parts, [
    { functionResponse: { name: "get_weather", response: { output: "cold" }, id: "c1" } },
  ]);
});

test("calls without ids get the same ids on every request, and responses find them by name and order", () => {
  const contents = [
    user("two cities"),
    {
      role: "model",
      parts: [
        { functionCall: { name: "w", args: { c: "A" } } },
        { functionCall: { name: "w", args: { c: "B" } } },
      ],
    },
    {
      role: "function",
      parts: [
        { functionResponse: { name: "w", response: { output: "1" } } },
        { functionResponse: { name: "w", response: { error: "2" } } },
      ],
    },
  ];
  const first = new Conversion(gemini, gemini).decodeRequest({ contents }).request;
  const second = new Conversion(gemini, gemini).decodeRequest({ contents }).request;
  assert.deepEqual(first.turns, second.turns);
  const [callA, callB] = first.turns[1]?.parts ?? [];
  const [resultA, resultB] = first.turns[2]?.parts ?? [];
  assert.ok(callA?.type === "call" && callB?.type === "call" && callA.id !== callB.id);
  assert.ok(resultA?.type === "result" && resultA.callId === callA.id && !resultA.isError);
  assert.ok(resultB?.type === "result" && resultB.callId === callB.id && resultB.isError);
});

test("13: a replayed call without signature gets the documented escape on the first call of each step, for Gemini 3 only", () => {
  const step = (name: string) => [
    {
      role: "model",
      parts: [{ functionCall: { name, args: {} } }, { functionCall: { name: "other", args: {} } }],
    },
    {
      role: "user",
      parts: [
        { functionResponse: { name, response: {} } },
        { functionResponse: { name: "other", response: {} } },
      ],
    },
  ];
  const request = { contents: [user("x"), ...step("a"), ...step("b")] };
  const signatures = (model: string) =>
    roundTrip(request, { model }).body.contents.flatMap(
      (content: { parts: { thoughtSignature?: string }[] }) =>
        content.parts.map((part) => part.thoughtSignature ?? ""),
    );
  const skip = "skip_thought_signature_validator";
  assert.deepEqual(signatures("gemini-3-pro-preview"), ["", skip, "", "", "", skip, "", "", ""]);
  assert.ok(signatures("gemini-2.5-pro").every((signature: string) => signature === ""));
});

test("Google's own signatures return byte for byte and in place", () => {
  const parts = [
    { text: "let me see", thoughtSignature: "c2lnMQ==" },
    { functionCall: { id: "c", name: "f", args: { big: 1 } }, thoughtSignature: "c2lnMg==" },
  ];
  const { body } = roundTrip({
    contents: [
      user("x"),
      { role: "model", parts },
      { role: "user", parts: [{ functionResponse: { id: "c", name: "f", response: { a: 1 } } }] },
    ],
  });
  assert.deepEqual(body.contents[1].parts, parts);
});

test("26: a call the user interrupted gets an error result, never a made-up success", () => {
  const { body, warnings } = roundTrip({
    contents: [
      user("x"),
      { role: "model", parts: [{ functionCall: { id: "c", name: "f", args: {} } }] },
      user("stop"),
    ],
  });
  assert.deepEqual(body.contents[2].parts, [
    {
      functionResponse: { name: "f", response: { error: "[no result was recorded for this call]" }, id: "c" },
    },
    { text: "stop" },
  ]);
  assert.deepEqual(warnings, ["missing_tool_result:f"]);
});

test("94: a user turn of white space only becomes (empty)", () => {
  assert.deepEqual(roundTrip({ contents: [user("  \n")] }).body.contents, [
    { role: "user", parts: [{ text: "(empty)" }] },
  ]);
});

test("the first turn is the user's, later instructions stay in place as a reminder", () => {
  const { body, warnings } = roundTrip({
    contents: [
      { role: "model", parts: [{ text: "hello" }] },
      user("a"),
      { role: "system", parts: [{ text: "be brief" }] },
      { role: "model", parts: [{ text: "b" }] },
      user("c"),
    ],
  });
  assert.deepEqual(
    body.contents.map((content: { parts: { text: string }[] }) => content.parts.map((part) => part.text)),
    [["(continue)"], ["hello"], ["a", "<system-reminder>\nbe brief\n</system-reminder>"], ["b"], ["c"]],
  );
  assert.deepEqual(warnings, ["system_midway:messages[2]", "first_turn:messages[0]"]);
});

test("many streamed contents of one answer count as one turn with one text", () => {
  const { request } = new Conversion(gemini, gemini).decodeRequest({
    contents: [
      user("x"),
      { role: "model", parts: [{ text: "thin", thought: true }] },
      { role: "model", parts: [{ text: "king", thought: true }] },
      { role: "model", parts: [{ text: "Hel" }] },
      { role: "model", parts: [{ text: "lo" }] },
      { role: "model", parts: [{ text: "" }] },
    ],
  });
  assert.deepEqual(request.turns[1]?.parts, [
    { type: "thinking", text: "thinking" },
    { type: "text", text: "Hello" },
  ]);
});

test("36: a lone surrogate leaves as well-formed JSON", () => {
  const text = new Conversion(gemini, gemini).requestText('{"contents":[{"parts":[{"text":"a\\ud800b"}]}]}');
  assert.ok(!text.includes("\\ud800"), text);
});

test("33: a URL stays a URL where the API takes one; elsewhere it must be fetched, and the part is named", () => {
  const contents = [{ parts: [{ fileData: { fileUri: "https://example.com/a.png?x=1" } }] }];
  assert.deepEqual(roundTrip({ contents }).body.contents[0].parts, [
    { fileData: { fileUri: "https://example.com/a.png?x=1", mimeType: "image/png" } },
  ]);
  for (const options of [{ providerKind: "vertex" }, { model: "gemini-2.0-flash" }]) {
    const conversion = new Conversion(gemini, gemini, { model: "gemini-2.5-pro", ...options });
    const { request, large } = conversion.decodeRequest({ contents });
    assert.equal(gemini.sourcesToInline?.(request, conversion.convertContext(large)).length, 1);
    assert.throws(
      () => gemini.encodeRequest(request, conversion.convertContext(large)),
      (error) => error instanceof Failure && error.status === 400 && error.param === "messages[0].content[0]",
    );
  }
});

test("media keep their kind, type and resolution; a missing type is sniffed", () => {
  const png = "iVBORw0KGgo=";
  const { body } = roundTrip({
    contents: [
      {
        parts: [
          { inline_data: { data: png } },
          {
            inlineData: { mimeType: "image/webp", data: "AAAA" },
            mediaResolution: { level: "MEDIA_RESOLUTION_HIGH" },
          },
          { inlineData: { mimeType: "audio/mpeg", data: "BBBB" } },
          { inlineData: { mimeType: "application/pdf", data: "CCCC" } },
          { inlineData: { mimeType: "video/mp4", data: "DDDD" } },
          {
            fileData: {
              fileUri: "https://generativelanguage.googleapis.com/v1beta/files/abc",
              mimeType: "image/png",
            },
          },
        ],
      },
    ],
  });
  assert.deepEqual(body.contents[0].parts, [
    { inlineData: { mimeType: "image/png", data: png } },
    {
      inlineData: { mimeType: "image/webp", data: "AAAA" },
      mediaResolution: { level: "MEDIA_RESOLUTION_HIGH" },
    },
    { inlineData: { mimeType: "audio/mp3", data: "BBBB" } },
    { inlineData: { mimeType: "application/pdf", data: "CCCC" } },
    { inlineData: { mimeType: "video/mp4", data: "DDDD" } },
    {
      fileData: {
        fileUri: "https://generativelanguage.googleapis.com/v1beta/files/abc",
        mimeType: "image/png",
      },
    },
  ]);
});

test("pictures in a result go inside it for Gemini 3 and behind all results before", () => {
  const image = { inlineData: { mimeType: "image/png", data: "AAAA" } };
  const request = {
    contents: [
      user("x"),
      {
        role: "model",
        parts: [{ functionCall: { id: "1", name: "a" } }, { functionCall: { id: "2", name: "b" } }],
      },
      {
        role: "user",
        parts: [
          { functionResponse: { id: "1", name: "a", response: { output: "see" }, parts: [image] } },
          { functionResponse: { id: "2", name: "b", response: { output: "ok" } } },
        ],
      },
    ],
  };
  const kinds = (model: string) =>
    roundTrip(request, { model }).body.contents[2].parts.map((part: Record<string, { parts?: unknown }>) =>
      part.functionResponse === undefined
        ? "image"
        : part.functionResponse.parts === undefined
          ? "result"
          : "result+image",
    );
  assert.deepEqual(kinds("gemini-3-flash"), ["result+image", "result"]);
  assert.deepEqual(kinds("gemini-2.5-flash"), ["result", "result", "image"]);
});

test("thinking: one measure per model generation, and none where the model has none", () => {
  const config = (reasoning: object, model: string) => {
    const conversion = new Conversion(gemini, gemini, { model });
    const { request, large } = conversion.decodeRequest({ contents: [user("x")] });
    const encoded = gemini.encodeRequest({ ...request, reasoning }, conversion.convertContext(large));
    return [
      JSON.parse(Buffer.concat(encoded.body).toString()).generationConfig?.thinkingConfig,
      conversion.warnings.length > 0,
    ];
  };
  const table: [object, string, object | undefined, boolean][] = [
    [{ effort: "none" }, "gemini-3-flash", { thinkingLevel: "MINIMAL" }, true],
    [{ effort: "none" }, "gemini-3-pro", { thinkingLevel: "LOW" }, true],
    [{ effort: "minimal" }, "gemini-3-flash", { includeThoughts: true, thinkingLevel: "MINIMAL" }, false],
    [{ effort: "low" }, "gemini-3-pro", { includeThoughts: true, thinkingLevel: "LOW" }, false],
    [{ effort: "medium" }, "gemini-3-pro", { includeThoughts: true, thinkingLevel: "MEDIUM" }, false],
    [{ effort: "xhigh" }, "gemini-3-pro", { includeThoughts: true, thinkingLevel: "HIGH" }, false],
    [{ budget: 9000 }, "gemini-3-pro", { includeThoughts: true, thinkingLevel: "MEDIUM" }, false],
    [{ effort: "none" }, "gemini-2.5-flash", { thinkingBudget: 0 }, false],
    [{ effort: "none" }, "gemini-2.5-pro", { thinkingBudget: 128 }, true],
    [{ effort: "minimal" }, "gemini-2.5-flash", { includeThoughts: true, thinkingBudget: 1024 }, false],
    [{ effort: "low" }, "gemini-2.5-flash", { includeThoughts: true, thinkingBudget: 1024 }, false],
    [{ effort: "medium" }, "gemini-2.5-flash", { includeThoughts: true, thinkingBudget: 8192 }, false],
    [{ effort: "max" }, "gemini-2.5-flash", { includeThoughts: true, thinkingBudget: 24576 }, false],
    [{ budget: 777, show: "none" }, "gemini-2.5-flash", { thinkingBudget: 777 }, false],
    [{ budget: 31999 }, "gemini-2.5-flash", { includeThoughts: true, thinkingBudget: 24576 }, false],
    [{ budget: 31999 }, "gemini-2.5-pro", { includeThoughts: true, thinkingBudget: 31999 }, false],
    [{ budget: 100 }, "gemini-2.5-flash-lite", { includeThoughts: true, thinkingBudget: 512 }, false],
    [{ adaptive: true }, "gemini-2.5-flash", { includeThoughts: true }, false],
    [{ show: "none" }, "gemini-2.5-flash", undefined, false],
    [{ effort: "high" }, "gemini-2.0-flash", undefined, true],
    [{ effort: "high" }, "gemini-2.5-flash-image", undefined, true],
  ];
  for (const [reasoning, model, expected, warned] of table)
    assert.deepEqual(config(reasoning, model), [expected, warned], `${JSON.stringify(reasoning)} ${model}`);
});

test("thinkingConfig of a client: level, budget, off, dynamic, and thoughts only when asked for", () => {
  const reasoning = (thinkingConfig: object) =>
    new Conversion(gemini, gemini).decodeRequest({
      contents: [user("x")],
      generationConfig: { thinkingConfig },
    }).request.reasoning;
  assert.deepEqual(reasoning({ thinkingLevel: "high", includeThoughts: true }), {
    show: "summary",
    effort: "high",
  });
  assert.deepEqual(reasoning({ thinkingBudget: 0 }), { show: "none", effort: "none" });
  assert.deepEqual(reasoning({ thinkingBudget: -1 }), { show: "none", adaptive: true });
  assert.deepEqual(reasoning({ thinking_budget: 8192, include_thoughts: true }), {
    show: "summary",
    budget: 8192,
  });
});

test("a maximum above what the model gives is cut to it and told", () => {
  const max = (maxOutputTokens: number, options: ConversionOptions) => {
    const { body, warnings } = roundTrip(
      { contents: [user("x")], generationConfig: { maxOutputTokens } },
      options,
    );
    return [body.generationConfig.maxOutputTokens, warnings];
  };
  assert.deepEqual(max(128_000, { model: "gemini-2.5-flash" }), [65536, ["max_tokens_clamped:max_tokens"]]);
  assert.deepEqual(max(32_000, { model: "gemini-2.0-flash" }), [8192, ["max_tokens_clamped:max_tokens"]]);
  assert.deepEqual(max(32_000, { model: "gemini-3-pro", capability: { maxTokens: 100 } }), [
    100,
    ["max_tokens_clamped:max_tokens"],
  ]);
  assert.deepEqual(max(128_000, { model: "gemma-3" }), [128_000, []]);
});

test("tool choice in each mode", () => {
  const choice = (config: object) => {
    const { conversion, body } = roundTrip({
      contents: [user("x")],
      tools: [{ functionDeclarations: [{ name: "f" }, { name: "g" }] }],
      toolConfig: { functionCallingConfig: config },
    });
    return [conversion.request?.choice, body.toolConfig?.functionCallingConfig];
  };
  assert.deepEqual(choice({ mode: "AUTO" }), [{ mode: "auto" }, { mode: "AUTO" }]);
  assert.deepEqual(choice({ mode: "NONE" }), [{ mode: "none" }, { mode: "NONE" }]);
  assert.deepEqual(choice({ mode: "ANY" }), [{ mode: "required" }, { mode: "ANY" }]);
  assert.deepEqual(choice({ mode: "VALIDATED" }), [{ mode: "auto" }, { mode: "AUTO" }]);
  assert.deepEqual(choice({ mode: "ANY", allowedFunctionNames: ["f"] }), [
    { mode: "one", names: ["f"] },
    { mode: "ANY", allowedFunctionNames: ["f"] },
  ]);
  assert.deepEqual(choice({ mode: "ANY", allowedFunctionNames: ["f", "g"] }), [
    { mode: "allowed", names: ["f", "g"], required: true },
    { mode: "ANY", allowedFunctionNames: ["f", "g"] },
  ]);
});

test("28: no tools means no tool choice; a tool without schema gets an empty object's", () => {
  const bare = roundTrip({
    contents: [user("x")],
    tools: [],
    toolConfig: { functionCallingConfig: { mode: "ANY" } },
  });
  assert.equal(bare.body.tools, undefined);
  assert.equal(bare.body.toolConfig, undefined);
  const { body } = roundTrip({ contents: [user("x")], tools: [{ functionDeclarations: [{ name: "f" }] }] });
  assert.deepEqual(body.tools[0].functionDeclarations[0].parametersJsonSchema, {
    type: "object",
    properties: {},
  });
});

test("Google's hosted tools stay for Google", () => {
  const { body } = roundTrip({
    contents: [user("x")],
    tools: [{ googleSearch: {} }, { functionDeclarations: [{ name: "f" }] }],
  });
  assert.deepEqual(body.tools.at(-1), { googleSearch: {} });
});

test("formats: JSON, a schema verbatim, and Gemini's own schema", () => {
  const config = (generationConfig: object) =>
    roundTrip({ contents: [user("x")], generationConfig }).body.generationConfig;
  const thoughts = (value: Record<string, unknown>) => {
    delete value.thinkingConfig;
    return value;
  };
  assert.deepEqual(thoughts(config({ responseMimeType: "application/json" })), {
    responseMimeType: "application/json",
  });
  assert.deepEqual(
    thoughts(
      config({
        responseMimeType: "application/json",
        responseSchema: { type: "ARRAY", items: { type: "INTEGER" }, minItems: "1" },
      }),
    ),
    {
      responseMimeType: "application/json",
      responseJsonSchema: { type: "array", items: { type: "integer" }, minItems: 1 },
    },
  );
  assert.deepEqual(thoughts(config({ responseJsonSchema: { type: "object", oneOf: [{}] } })), {
    responseMimeType: "application/json",
    responseJsonSchema: { type: "object", oneOf: [{}] },
  });
  assert.throws(
    () => config({ responseMimeType: "text/x.enum" }),
    (error) => error instanceof Failure && error.param === "generationConfig.responseMimeType",
  );
});

test("an old Vertex model gets the OpenAPI subset and a warning for what it cannot say", () => {
  const { body, warnings } = roundTrip(
    {
      contents: [user("x")],
      tools: [
        {
          functionDeclarations: [
            {
              name: "f",
              parametersJsonSchema: {
                type: "object",
                $defs: { n: { type: ["integer", "null"] } },
                properties: { a: { $ref: "#/$defs/n" }, b: { const: 3 }, c: { oneOf: [{ type: "string" }] } },
                additionalProperties: false,
              },
            },
            { name: "g" },
          ],
        },
      ],
    },
    { providerKind: "vertex", model: "gemini-2.0-flash" },
  );
  assert.deepEqual(body.tools[0].functionDeclarations, [
    {
      name: "f",
      parameters: {
        type: "OBJECT",
        properties: {
          a: { nullable: true, type: "INTEGER" },
          b: { enum: ["3"], type: "STRING" },
          c: { anyOf: [{ type: "STRING" }] },
        },
      },
    },
    { name: "g" },
  ]);
  assert.deepEqual(warnings, ["schema_simplified:tools.f"]);
});

test("Vertex gets labels and no call ids; the Gemini API a tier", () => {
  const request = {
    contents: [
      user("x"),
      { role: "model", parts: [{ functionCall: { id: "c", name: "f" } }] },
      { role: "user", parts: [{ functionResponse: { id: "c", name: "f", response: {} } }] },
    ],
    labels: { team: "a", "Not valid": "b" },
    serviceTier: "flex",
  };
  const vertex = roundTrip(request, { providerKind: "vertex" }).body;
  assert.deepEqual(vertex.labels, { team: "a" });
  assert.equal(vertex.serviceTier, undefined);
  assert.equal(vertex.contents[1].parts[0].functionCall.id, undefined);
  assert.equal(vertex.contents[2].parts[0].functionResponse.id, undefined);
  const api = roundTrip(request).body;
  assert.equal(api.labels, undefined);
  assert.equal(api.serviceTier, "flex");
});

test("six stop sequences: five upstream, one by the gateway", () => {
  const { body, conversion } = roundTrip({
    contents: [user("x")],
    generationConfig: { stopSequences: ["a", "b", "c", "d", "e", "f"] },
  });
  assert.deepEqual(body.generationConfig.stopSequences, ["a", "b", "c", "d", "e"]);
  assert.deepEqual(conversion.emulatedStop, ["f"]);
});

test("state and nonsense are refused with the member's name", () => {
  const table: [object, string][] = [
    [{ contents: [user("x")], cachedContent: "cachedContents/1" }, "cachedContent"],
    [{ contents: [user("x")], continuationToken: "t" }, "continuationToken"],
    [{ contents: "x".length }, "contents"],
    [{ contents: [{ role: "robot", parts: [] }] }, "contents[0].role"],
    [{ contents: [{ parts: [{ functionCall: {} }] }] }, "contents[0].parts[0].functionCall.name"],
    [{ contents: [user("x")], generationConfig: { temperature: "hot" } }, "generationConfig.temperature"],
    [{ contents: [] }, "contents"],
  ];
  for (const [body, param] of table) {
    assert.throws(
      () => roundTrip(body),
      (error) => error instanceof Failure && error.status === 400 && error.param === param,
      param,
    );
  }
});

test("a call that is no JSON object still reaches Gemini as one", () => {
  const conversion = new Conversion(gemini, gemini, { model: "gemini-2.5-pro" });
  const { request, large } = conversion.decodeRequest({ contents: [user("x")] });
  const call = (id: string, text: string, kind: "function" | "custom") =>
    ({ type: "call", id, name: "f", arguments: text, kind }) as const;
  const encoded = gemini.encodeRequest(
    {
      ...request,
      turns: [
        ...request.turns,
        {
          role: "assistant",
          parts: [call("1", "", "function"), call("2", "[1]", "function"), call("3", "*** patch", "custom")],
        },
      ],
    },
    conversion.convertContext(large),
  );
  const parts = JSON.parse(Buffer.concat(encoded.body).toString()).contents[1].parts;
  assert.deepEqual(
    parts.map((part: { functionCall: { args: unknown } }) => part.functionCall.args),
    [{}, { input: "[1]" }, { input: "*** patch" }],
  );
});

test("64-bit integers and key order in a call's arguments survive", () => {
  const args = '{"z":12345678901234567890,"10":1,"2":{"a":1.0}}';
  const text = new Conversion(gemini, gemini).requestText(
    `{"contents":[{"parts":[{"text":"x"}]},{"role":"model","parts":[{"functionCall":{"id":"c","name":"f","args":${args}}}]},{"parts":[{"functionResponse":{"id":"c","name":"f","response":{"id":98765432109876543210}}}]}]}`,
  );
  assert.ok(text.includes(`"args":${args}`), text);
  assert.ok(text.includes('"response":{"id":98765432109876543210}'), text);
});

test("a picture of 200 KiB passes as bytes and comes out whole", () => {
  const data = "iVBORw0KGgo".padEnd(200_000, "A");
  const { body, conversion } = roundTrip({
    contents: [{ parts: [{ inlineData: { mimeType: "image/png", data } }] }],
  });
  assert.equal(body.contents[0].parts[0].inlineData.data, data);
  const part = conversion.request?.turns[0]?.parts[0];
  assert.ok(part?.type === "image" && part.source.kind === "base64" && part.source.data.length < 100);
});
