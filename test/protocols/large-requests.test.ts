/** Long images and texts of Responses and Ollama callers stay bytes on their way to every upstream. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { anthropic } from "../../src/protocols/anthropic/anthropic.ts";
import { gemini } from "../../src/protocols/gemini/gemini.ts";
import { ollama } from "../../src/protocols/ollama/ollama.ts";
import { openaiChat } from "../../src/protocols/openai-chat/openai-chat.ts";
import { openaiResponses } from "../../src/protocols/openai-responses/openai-responses.ts";
import type { ChatProtocol, ConvertContext } from "../../src/protocols/protocol.ts";
import { Conversion } from "./support/conversion.ts";

const IMAGE = `iVBORw0KGgo${"A".repeat(3 * 1024 * 1024 + 1)}`;
const TEXT = `長い"文"\n${"漢字と text \\ ".repeat(20_000)}`;

const CALLERS: [ChatProtocol, object][] = [
  [
    openaiResponses,
    {
      model: "m",
      instructions: TEXT,
      input: [
        {
          role: "user",
          content: [
            { type: "input_text", text: TEXT },
            { type: "input_image", image_url: `data:image/png;base64,${IMAGE}` },
          ],
        },
        { type: "function_call", call_id: "c", name: "f", arguments: JSON.stringify({ t: TEXT }) },
        { type: "function_call_output", call_id: "c", output: TEXT },
      ],
    },
  ],
  [
    ollama,
    {
      model: "m",
      messages: [
        { role: "system", content: TEXT },
        { role: "user", content: TEXT, images: [IMAGE] },
        { role: "assistant", content: "", tool_calls: [{ function: { name: "f", arguments: { t: TEXT } } }] },
        { role: "tool", tool_name: "f", content: TEXT },
      ],
    },
  ],
];

/** Strings of the value at any depth, call arguments opened. */
function strings(value: unknown, out: string[] = []): string[] {
  if (typeof value === "string") {
    out.push(value);
    if (value.startsWith('{"t":')) strings(JSON.parse(value), out);
  } else if (typeof value === "object" && value !== null) {
    for (const item of Object.values(value)) strings(item, out);
  }
  return out;
}

for (const [from, body] of CALLERS) {
  for (const to of [openaiChat, openaiResponses, anthropic, gemini, ollama]) {
    test(`a large body of ${from.name} reaches ${to.name} whole, and no long string was ever expanded`, () => {
      const run = new Conversion(from, to, { model: "gemini-3-pro" });
      const { request, large } = run.decodeRequest(body);
      let longest = 0;
      const watched = new Proxy(large, {
        get(target, name: keyof ConvertContext["large"]) {
          if (name !== "expand") return target[name].bind(target);
          return (text: string) => {
            const whole = target.expand(text);
            longest = Math.max(longest, whole.length);
            return whole;
          };
        },
      });
      const encoded = to.encodeRequest(request, run.convertContext(watched));
      const found = strings(JSON.parse(Buffer.concat(encoded.body).toString()));
      assert.equal(
        found.filter((text) => text === TEXT).length,
        4,
        "instructions, message, argument, result",
      );
      assert.equal(found.filter((text) => text.endsWith(IMAGE)).length, 1);
      assert.ok(longest < 65536, `expanded ${longest} characters`);
    });
  }
}
