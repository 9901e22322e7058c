/** @anthropic-ai/sdk 1.11 (Bearer, API 2026-10-21) and 0.137 (x-api-key, API 2023-06-01) through the gateway. */
import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import Anthropic from "@anthropic-ai/sdk";
import Anthropic0 from "anthropic-sdk-0";
import { ALIASES, openStage, PARAMETERS, TEXT } from "./support/stage.ts";

const asked = (model: string) => ({
  model,
  max_tokens: 100,
  messages: [{ role: "user" as const, content: "How warm is it?" }],
});

describe("Anthropic's package", async () => {
  const stage = await openStage();
  after(() => stage.close());
  const options = { baseURL: stage.sluice.url, apiKey: "k", maxRetries: 0 };
  // The older one is the newer one's ancestor: what is used of it here has the same shape.
  const clients = {
    "1.11": new Anthropic(options),
    "0.137": new Anthropic0(options) as unknown as Anthropic,
  };

  for (const [version, client] of Object.entries(clients)) {
    for (const model of ALIASES) {
      test(`${version} over ${model}: whole, streamed, a tool and its result`, async () => {
        const whole = await client.messages.create(asked(model));
        assert.deepEqual(
          whole.content.map((block) => block.type === "text" && block.text),
          [TEXT],
        );
        assert.equal(whole.stop_reason, "end_turn");
        assert.ok(whole.usage.output_tokens > 0);
        const streamed = await client.messages.stream(asked(model)).finalMessage();
        assert.equal(streamed.content[0]?.type === "text" && streamed.content[0].text, TEXT);
        const tools = [{ name: "weather", input_schema: PARAMETERS }];
        const called = await client.messages.stream({ ...asked(model), tools }).finalMessage();
        assert.equal(called.stop_reason, "tool_use");
        const block = called.content.find((entry) => entry.type === "tool_use");
        assert.deepEqual(block?.input, { city: "Paris" });
        const answer = await client.messages.create({
          ...asked(model),
          tools,
          messages: [
            ...asked(model).messages,
            { role: "assistant", content: called.content },
            { role: "user", content: [{ type: "tool_result", tool_use_id: block?.id ?? "", content: "21" }] },
          ],
        });
        assert.equal(answer.content[0]?.type === "text" && answer.content[0].text, TEXT);
      });
    }

    test(`${version} counts tokens and lists models`, async () => {
      const { messages } = asked("");
      assert.ok((await client.messages.countTokens({ model: "openai", messages })).input_tokens > 0);
      const ids: string[] = [];
      for await (const model of client.models.list()) ids.push(model.id);
      assert.deepEqual(ids, [...ALIASES, "vectors"]);
      assert.equal((await client.models.retrieve("openai")).id, "openai");
      await assert.rejects(client.messages.create(asked("nope")), /not_found_error/);
    });
  }
});
