/** Bodies of as many small things as may be translated (4 MiB): the time is theirs, not that of their square. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { anthropic } from "../../src/protocols/anthropic/anthropic.ts";
import { cohere } from "../../src/protocols/cohere/cohere.ts";
import { gemini } from "../../src/protocols/gemini/gemini.ts";
import { ollama } from "../../src/protocols/ollama/ollama.ts";
import { openaiChat } from "../../src/protocols/openai-chat/openai-chat.ts";
import { openaiResponses } from "../../src/protocols/openai-responses/openai-responses.ts";
import type { ChatProtocol } from "../../src/protocols/protocol.ts";
import { Conversion } from "./support/conversion.ts";

/** Of processor time; each takes under one second where nothing else runs. */
const MOST_MS = 6000;

function list<T>(length: number, make: (index: number) => T): T[] {
  return Array.from({ length }, (_, index) => make(index));
}

const HI = { role: "user", content: "hi" };
const ASK = { role: "user", parts: [{ text: "hi" }] };

const BODIES: Readonly<Record<string, readonly [ChatProtocol, readonly ChatProtocol[], object]>> = {
  "turns of one role": [openaiChat, [anthropic, gemini], { messages: list(100_000, () => HI) }],
  "results of no call, by the function's name": [
    openaiChat,
    [openaiChat],
    { messages: list(60_000, () => ({ role: "function", name: "f", content: "r" })) },
  ],
  "calls of one turn, answered from the last to the first": [
    openaiChat,
    [anthropic, openaiResponses],
    {
      messages: [
        HI,
        {
          role: "assistant",
          tool_calls: list(25_000, (i) => ({
            id: `c${i}`,
            type: "function",
            function: { name: "f", arguments: "{}" },
          })),
        },
        ...list(25_000, (i) => ({ role: "tool", tool_call_id: `c${24_999 - i}`, content: "r" })),
      ],
    },
  ],
  "calls without ids, answered from the last to the first": [
    gemini,
    [openaiChat],
    {
      contents: [
        ASK,
        { role: "model", parts: list(30_000, (i) => ({ functionCall: { name: `f${i}`, args: {} } })) },
        {
          role: "user",
          parts: list(30_000, (i) => ({ functionResponse: { name: `f${29_999 - i}`, response: {} } })),
        },
      ],
    },
  ],
  "calls without ids, answered in order": [
    ollama,
    [openaiChat],
    {
      messages: [
        HI,
        {
          role: "assistant",
          content: "",
          tool_calls: list(35_000, () => ({ function: { name: "f", arguments: {} } })),
        },
        ...list(35_000, () => ({ role: "tool", content: "r", tool_name: "f" })),
      ],
    },
  ],
  "thoughts of one turn": [
    anthropic,
    [cohere],
    {
      max_tokens: 9,
      messages: [
        HI,
        {
          role: "assistant",
          content: list(60_000, () => ({ type: "thinking", thinking: "t", signature: "x" })),
        },
        HI,
      ],
    },
  ],
  "tools, all of them allowed": [
    openaiResponses,
    [openaiResponses, openaiChat, anthropic, gemini, ollama],
    {
      input: "hi",
      tools: list(25_000, (i) => ({ type: "function", name: `f${i}`, parameters: {}, strict: false })),
      tool_choice: {
        type: "allowed_tools",
        mode: "auto",
        tools: list(25_000, (i) => ({ type: "function", name: `f${i}` })),
      },
    },
  ],
};

for (const [name, [from, targets, body]] of Object.entries(BODIES)) {
  for (const to of targets) {
    test(`${name}: ${from.name} to ${to.name}`, () => {
      const conversion = new Conversion(from, to);
      const began = process.cpuUsage();
      conversion.requestPieces({ model: "m", ...body });
      const { user, system } = process.cpuUsage(began);
      const took = Math.round((user + system) / 1000);
      assert.ok(took < MOST_MS, `took ${took} ms`);
    });
  }
}
