/** The official SDKs as clients of the matrix: each asks in its own way and tells what it read. */
import Anthropic from "@anthropic-ai/sdk";
import { GoogleGenAI } from "@google/genai";
import AnthropicOld from "anthropic-sdk-0";
import { CohereClient, CohereClientV2 } from "cohere-ai";
import { Ollama } from "ollama";
import OpenAI from "openai";
import { anthropic } from "../../../src/protocols/anthropic/anthropic.ts";
import { cohere, cohereV1 } from "../../../src/protocols/cohere/cohere.ts";
import { gemini } from "../../../src/protocols/gemini/gemini.ts";
import { ollama } from "../../../src/protocols/ollama/ollama.ts";
import { openaiChat } from "../../../src/protocols/openai-chat/openai-chat.ts";
import { openaiResponses } from "../../../src/protocols/openai-responses/openai-responses.ts";
import type { ChatProtocol } from "../../../src/protocols/protocol.ts";

export type Question = "plain" | "tools" | "history" | "image" | "schema" | "thinking";

/** What a client's program sees of an answer. */
interface Seen {
  text: string;
  thinking: string;
  calls: { name: string; args: unknown }[];
  finish: string;
}

export interface MatrixClient {
  readonly name: string;
  readonly protocol: ChatProtocol;
  /** Questions its API cannot ask. */
  readonly lacks: readonly Question[];
  /** Asks and reads; throws as the SDK does, or with the message of an in-band error. */
  readonly ask: (url: string, question: Question, stream: boolean) => Promise<Seen>;
  /** Its words for stop, length, filtered, tool. */
  readonly finish: Readonly<Record<"stop" | "length" | "filtered" | "tool", string>>;
  readonly showsThinking: boolean;
}

const PNG = "iVBORw0KGgo=";
const IMAGE = `data:image/png;base64,${PNG}`;
const ANSWER_SCHEMA = {
  type: "object",
  properties: { answer: { type: "string" } },
  required: ["answer"],
  additionalProperties: false,
};
const TOOL_SCHEMA = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const ARGS = { city: "Zürich" };

// biome-ignore lint/suspicious/noExplicitAny: bodies of six vendors, written by hand and checked by their SDKs
type Body = any;

const chatTools = [
  { type: "function", function: { name: "weather", description: "d", parameters: TOOL_SCHEMA } },
];

function chatMessages(question: Question): Body[] {
  if (question === "image") {
    return [
      {
        role: "user",
        content: [
          { type: "text", text: "what?" },
          { type: "image_url", image_url: { url: IMAGE } },
        ],
      },
    ];
  }
  if (question !== "history") return [{ role: "user", content: "hi" }];
  const call = (id: string) => ({
    id,
    type: "function",
    function: { name: "weather", arguments: JSON.stringify(ARGS) },
  });
  return [
    { role: "user", content: "hi" },
    { role: "assistant", content: "let me look", tool_calls: [call("call_a"), call("call_b")] },
    { role: "tool", tool_call_id: "call_a", content: "sunny" },
    { role: "tool", tool_call_id: "call_b", content: "rainy" },
  ];
}

const withTools = (question: Question) => question === "tools" || question === "history";

const chatClient: MatrixClient = {
  name: "chat (openai 6.49)",
  protocol: openaiChat,
  lacks: [],
  showsThinking: true,
  finish: { stop: "stop", length: "length", filtered: "content_filter", tool: "tool_calls" },
  async ask(url, question, stream) {
    const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: "k", maxRetries: 0 });
    const body: Body = {
      model: "m",
      messages: chatMessages(question),
      ...(withTools(question) ? { tools: chatTools } : {}),
      ...(question === "schema"
        ? { response_format: { type: "json_schema", json_schema: { name: "a", schema: ANSWER_SCHEMA } } }
        : {}),
      ...(question === "thinking" ? { reasoning_effort: "medium" } : {}),
    };
    let thinking = "";
    let answer: Body;
    if (stream) {
      const runner = client.chat.completions.stream(body);
      for await (const chunk of runner) {
        thinking += (chunk.choices[0]?.delta as Body)?.reasoning_content ?? "";
      }
      answer = await runner.finalChatCompletion();
    } else {
      answer = await client.chat.completions.create(body);
    }
    const [choice] = answer.choices;
    return {
      text: choice.message.content ?? "",
      thinking: thinking || (choice.message.reasoning_content ?? ""),
      calls: (choice.message.tool_calls ?? []).map((call: Body) => ({
        name: call.function.name,
        args: JSON.parse(call.function.arguments),
      })),
      finish: choice.finish_reason,
    };
  },
};

const responsesClient: MatrixClient = {
  name: "responses (openai 6.49)",
  protocol: openaiResponses,
  lacks: [],
  showsThinking: true,
  finish: { stop: "completed", length: "max_output_tokens", filtered: "content_filter", tool: "completed" },
  async ask(url, question, stream) {
    const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: "k", maxRetries: 0 });
    const call = (call_id: string) => ({
      type: "function_call",
      call_id,
      name: "weather",
      arguments: JSON.stringify(ARGS),
    });
    const history = [
      { role: "user", content: "hi" },
      { role: "assistant", content: "let me look" },
      call("call_a"),
      call("call_b"),
      { type: "function_call_output", call_id: "call_a", output: "sunny" },
      { type: "function_call_output", call_id: "call_b", output: "rainy" },
    ];
    const image = [
      {
        role: "user",
        content: [
          { type: "input_text", text: "what?" },
          { type: "input_image", image_url: IMAGE, detail: "auto" },
        ],
      },
    ];
    const body: Body = {
      model: "m",
      input: question === "history" ? history : question === "image" ? image : "hi",
      ...(withTools(question)
        ? { tools: [{ type: "function", name: "weather", parameters: TOOL_SCHEMA, strict: false }] }
        : {}),
      ...(question === "schema"
        ? { text: { format: { type: "json_schema", name: "a", schema: ANSWER_SCHEMA } } }
        : {}),
      ...(question === "thinking" ? { reasoning: { effort: "medium", summary: "auto" } } : {}),
    };
    const answer: Body = stream
      ? await client.responses.stream(body).finalResponse()
      : await client.responses.create(body);
    if (answer.error) throw new Error(answer.error.message);
    const items: Body[] = answer.output;
    return {
      text: items
        .flatMap((item) => (item.type === "message" ? item.content : []))
        .map((part) => part.text ?? "")
        .join(""),
      thinking: items
        .flatMap((item) => (item.type === "reasoning" ? item.summary : []))
        .map((part) => part.text)
        .join(""),
      calls: items
        .filter((item) => item.type === "function_call")
        .map((item) => ({ name: item.name, args: JSON.parse(item.arguments) })),
      finish: answer.incomplete_details?.reason ?? answer.status,
    };
  },
};

function claudeClient(name: string, Sdk: typeof Anthropic | typeof AnthropicOld): MatrixClient {
  return {
    name,
    protocol: anthropic,
    lacks: [],
    showsThinking: true,
    finish: { stop: "end_turn", length: "max_tokens", filtered: "refusal", tool: "tool_use" },
    async ask(url, question, stream) {
      // The old SDK's types differ in members that are not asked for here.
      const client = new Sdk({ baseURL: url, apiKey: "k", maxRetries: 0 }) as Anthropic;
      const use = (id: string) => ({ type: "tool_use", id, name: "weather", input: ARGS });
      const result = (tool_use_id: string, content: string) => ({
        type: "tool_result",
        tool_use_id,
        content,
      });
      const messages: Body[] = [{ role: "user", content: "hi" }];
      if (question === "history") {
        messages.push(
          {
            role: "assistant",
            content: [{ type: "text", text: "let me look" }, use("toolu_a"), use("toolu_b")],
          },
          { role: "user", content: [result("toolu_a", "sunny"), result("toolu_b", "rainy")] },
        );
      } else if (question === "image") {
        messages[0].content = [
          { type: "text", text: "what?" },
          { type: "image", source: { type: "base64", media_type: "image/png", data: PNG } },
        ];
      }
      const body: Body = {
        model: "m",
        max_tokens: 20000,
        messages,
        ...(withTools(question) ? { tools: [{ name: "weather", input_schema: TOOL_SCHEMA }] } : {}),
        ...(question === "schema"
          ? { output_config: { format: { type: "json_schema", schema: ANSWER_SCHEMA } } }
          : {}),
        ...(question === "thinking" ? { thinking: { type: "enabled", budget_tokens: 9000 } } : {}),
      };
      const answer: Body = stream
        ? await client.messages.stream(body).finalMessage()
        : await client.messages.create(body);
      const blocks: Body[] = answer.content;
      const join = (type: string) =>
        blocks
          .filter((block) => block.type === type)
          .map((block) => block[type])
          .join("");
      return {
        text: join("text"),
        thinking: join("thinking"),
        calls: blocks
          .filter((block) => block.type === "tool_use")
          .map((block) => ({ name: block.name, args: block.input })),
        finish: answer.stop_reason,
      };
    },
  };
}

const geminiClient: MatrixClient = {
  name: "gemini (genai 2.32)",
  protocol: gemini,
  lacks: [],
  showsThinking: true,
  finish: { stop: "STOP", length: "MAX_TOKENS", filtered: "SAFETY", tool: "STOP" },
  async ask(url, question, stream) {
    const client = new GoogleGenAI({ apiKey: "k", httpOptions: { baseUrl: url } });
    const call = (id: string) => ({ functionCall: { id, name: "weather", args: ARGS } });
    const result = (id: string, output: string) => ({
      functionResponse: { id, name: "weather", response: { output } },
    });
    const contents: Body[] = [{ role: "user", parts: [{ text: "hi" }] }];
    if (question === "history") {
      contents.push(
        { role: "model", parts: [{ text: "let me look" }, call("a"), call("b")] },
        { role: "user", parts: [result("a", "sunny"), result("b", "rainy")] },
      );
    } else if (question === "image") {
      contents[0].parts.push({ inlineData: { mimeType: "image/png", data: PNG } });
    }
    const config: Body = {
      ...(withTools(question)
        ? { tools: [{ functionDeclarations: [{ name: "weather", parametersJsonSchema: TOOL_SCHEMA }] }] }
        : {}),
      ...(question === "schema"
        ? { responseMimeType: "application/json", responseJsonSchema: ANSWER_SCHEMA }
        : {}),
      ...(question === "thinking" ? { thinkingConfig: { includeThoughts: true, thinkingBudget: 8192 } } : {}),
    };
    const request: Body = { model: "m", contents, config };
    const chunks: Body[] = [];
    if (stream) {
      for await (const chunk of await client.models.generateContentStream(request)) chunks.push(chunk);
    } else {
      chunks.push(await client.models.generateContent(request));
    }
    const parts: Body[] = chunks.flatMap((chunk) => chunk.candidates?.[0]?.content?.parts ?? []);
    const join = (thought: boolean) =>
      parts
        .filter((part) => (part.thought === true) === thought)
        .map((part) => part.text ?? "")
        .join("");
    return {
      text: join(false),
      thinking: join(true),
      calls: parts
        .filter((part) => part.functionCall)
        .map(({ functionCall }) => ({ name: functionCall.name, args: functionCall.args })),
      finish: chunks.map((chunk) => chunk.candidates?.[0]?.finishReason).find((word) => word) ?? "",
    };
  },
};

const cohereClient: MatrixClient = {
  name: "cohere v2 (cohere-ai 8.1)",
  protocol: cohere,
  lacks: [],
  showsThinking: true,
  finish: { stop: "COMPLETE", length: "MAX_TOKENS", filtered: "ERROR", tool: "TOOL_CALL" },
  async ask(url, question, stream) {
    const client = new CohereClientV2({ token: "k", environment: url, maxRetries: 0 });
    const messages = chatMessages(question).map(({ tool_calls, tool_call_id, content, ...rest }: Body) => ({
      ...rest,
      content: Array.isArray(content)
        ? content.map((part: Body) =>
            part.image_url ? { type: "image_url", imageUrl: part.image_url } : part,
          )
        : content,
      ...(tool_calls ? { toolCalls: tool_calls } : {}),
      ...(tool_call_id ? { toolCallId: tool_call_id } : {}),
    }));
    const request: Body = {
      model: "m",
      messages,
      ...(withTools(question) ? { tools: chatTools } : {}),
      ...(question === "schema"
        ? { responseFormat: { type: "json_object", jsonSchema: ANSWER_SCHEMA } }
        : {}),
      ...(question === "thinking" ? { thinking: { type: "enabled", tokenBudget: 8192 } } : {}),
    };
    const seen: Seen = { text: "", thinking: "", calls: [], finish: "" };
    if (!stream) {
      const answer: Body = await client.chat(request);
      for (const part of answer.message.content ?? []) {
        seen.text += part.text ?? "";
        seen.thinking += part.thinking ?? "";
      }
      seen.calls = (answer.message.toolCalls ?? []).map((call: Body) => ({
        name: call.function.name,
        args: JSON.parse(call.function.arguments),
      }));
      return { ...seen, finish: answer.finishReason };
    }
    const calls: { name: string; args: string }[] = [];
    for await (const event of (await client.chatStream(request)) as Body) {
      const message = event.delta?.message;
      if (event.type === "content-delta") {
        seen.text += message.content.text ?? "";
        seen.thinking += message.content.thinking ?? "";
      } else if (event.type === "tool-call-start") {
        calls.push({ name: message.toolCalls.function.name, args: "" });
      } else if (event.type === "tool-call-delta") {
        const last = calls[calls.length - 1];
        if (last) last.args += message.toolCalls.function.arguments;
      } else if (event.type === "message-end") {
        seen.finish = event.delta.finishReason;
      }
    }
    if (seen.finish === "") throw new Error("no message-end");
    seen.calls = calls.map(({ name, args }) => ({ name, args: JSON.parse(args || "{}") }));
    return seen;
  },
};

const cohereOldClient: MatrixClient = {
  name: "cohere v1 (cohere-ai 8.1)",
  protocol: cohereV1,
  lacks: ["image", "thinking", "history"],
  showsThinking: false,
  finish: { stop: "COMPLETE", length: "MAX_TOKENS", filtered: "ERROR_TOXIC", tool: "COMPLETE" },
  async ask(url, question, stream) {
    const client = new CohereClient({ token: "k", environment: url, maxRetries: 0 });
    const request: Body = {
      model: "m",
      message: "hi",
      ...(question === "tools"
        ? {
            tools: [
              {
                name: "weather",
                description: "d",
                parameterDefinitions: { city: { type: "str", required: true } },
              },
            ],
          }
        : {}),
      ...(question === "schema" ? { responseFormat: { type: "json_object", schema: ANSWER_SCHEMA } } : {}),
    };
    const read = (answer: Body): Seen => ({
      text: answer.text ?? "",
      thinking: "",
      calls: (answer.toolCalls ?? []).map((call: Body) => ({ name: call.name, args: call.parameters })),
      finish: answer.finishReason,
    });
    if (!stream) return read(await client.chat(request));
    let text = "";
    let last: Body;
    for await (const event of (await client.chatStream(request)) as Body) {
      if (event.eventType === "text-generation") text += event.text;
      last = event;
    }
    if (last?.eventType !== "stream-end") throw new Error("no stream-end");
    if (last.finishReason === "ERROR") throw new Error(JSON.stringify(last));
    const seen = read({ ...last.response, finishReason: last.finishReason });
    if (seen.text !== text) throw new Error(`deltas say ${text}, the end says ${seen.text}`);
    return seen;
  },
};

const ollamaClient: MatrixClient = {
  name: "ollama 0.6",
  protocol: ollama,
  lacks: [],
  showsThinking: true,
  finish: { stop: "stop", length: "length", filtered: "stop", tool: "stop" },
  async ask(url, question, stream) {
    const client = new Ollama({ host: url });
    const messages: Body[] = [
      { role: "user", content: "hi", ...(question === "image" ? { images: [PNG] } : {}) },
    ];
    if (question === "history") {
      const call = { function: { name: "weather", arguments: ARGS } };
      messages.push(
        { role: "assistant", content: "let me look", tool_calls: [call, call] },
        { role: "tool", tool_name: "weather", content: "sunny" },
        { role: "tool", tool_name: "weather", content: "rainy" },
      );
    }
    const request: Body = {
      model: "m",
      messages,
      ...(withTools(question) ? { tools: chatTools } : {}),
      ...(question === "schema" ? { format: ANSWER_SCHEMA } : {}),
      ...(question === "thinking" ? { think: true } : {}),
    };
    const lines: Body[] = [];
    if (stream) for await (const line of await client.chat({ ...request, stream: true })) lines.push(line);
    else lines.push(await client.chat(request));
    const join = (member: string) => lines.map((line) => line.message[member] ?? "").join("");
    if (lines[lines.length - 1]?.done !== true) throw new Error("no last line");
    return {
      text: join("content"),
      thinking: join("thinking"),
      calls: lines
        .flatMap((line) => line.message.tool_calls ?? [])
        .map((call: Body) => ({ name: call.function.name, args: call.function.arguments })),
      finish: lines[lines.length - 1].done_reason,
    };
  },
};

export const CLIENTS: readonly MatrixClient[] = [
  chatClient,
  responsesClient,
  claudeClient("anthropic (sdk 1.11)", Anthropic),
  claudeClient("anthropic (sdk 0.137)", AnthropicOld),
  geminiClient,
  cohereClient,
  cohereOldClient,
  ollamaClient,
];
