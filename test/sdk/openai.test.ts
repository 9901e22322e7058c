/** openai 6.49 and 7.57 through the gateway: chat, streams with usage, tools, embeddings, responses, errors. */
import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import OpenAI6 from "openai";
import OpenAI7 from "openai-7";
import { ALIASES, CALL, openStage, PARAMETERS, TEXT } from "./support/stage.ts";

const messages = [{ role: "user" as const, content: "How warm is it?" }];
const tools = [{ type: "function" as const, function: { name: "weather", parameters: PARAMETERS } }];

// The newer one is the older one's descendant: what is used of it here has the same shape.
const VERSIONS = { "6.49": OpenAI6, "7.57": OpenAI7 as unknown as typeof OpenAI6 };

for (const [version, OpenAI] of Object.entries(VERSIONS)) {
  describe(`the openai package ${version}`, async () => {
    const stage = await openStage();
    after(() => stage.close());
    const client = new OpenAI({ baseURL: `${stage.sluice.url}/v1`, apiKey: "k", maxRetries: 0 });

    for (const model of ALIASES) {
      test(`chats over ${model}: whole, and streamed with usage`, async () => {
        const whole = await client.chat.completions.create({ model, messages });
        assert.equal(whole.choices[0]?.message.content, TEXT);
        assert.equal(whole.choices[0]?.finish_reason, "stop");
        assert.ok((whole.usage?.prompt_tokens ?? 0) > 0);
        const stream = client.chat.completions.stream({
          model,
          messages,
          stream_options: { include_usage: true },
        });
        const final = await stream.finalChatCompletion();
        assert.equal(final.choices[0]?.message.content, TEXT);
        assert.ok((final.usage?.completion_tokens ?? 0) > 0);
      });

      test(`calls a tool over ${model} and gives its result`, async () => {
        const stream = client.chat.completions.stream({ model, messages, tools });
        const { choices } = await stream.finalChatCompletion();
        const [call] = choices[0]?.message.tool_calls ?? [];
        assert.ok(call?.type === "function");
        assert.equal(call.function.name, CALL.name);
        assert.deepEqual(JSON.parse(call.function.arguments), { city: "Paris" });
        assert.equal(choices[0]?.finish_reason, "tool_calls");
        const answer = await client.chat.completions.create({
          model,
          tools,
          messages: [
            ...messages,
            { role: "assistant", content: null, tool_calls: [call] },
            { role: "tool", tool_call_id: call.id, content: "21" },
          ],
        });
        assert.equal(answer.choices[0]?.message.content, TEXT);
      });

      test(`responses over ${model}: whole, streamed, tools`, async () => {
        const whole = await client.responses.create({ model, input: "How warm is it?" });
        assert.equal(whole.output_text, TEXT);
        const final = await client.responses.stream({ model, input: "How warm is it?" }).finalResponse();
        assert.equal(final.output_text, TEXT);
        assert.equal(final.status, "completed");
        const functions = [
          { type: "function" as const, name: "weather", parameters: PARAMETERS, strict: false },
        ];
        const called = await client.responses
          .stream({ model, input: "How warm?", tools: functions })
          .finalResponse();
        const item = called.output.find((entry) => entry.type === "function_call");
        assert.deepEqual(JSON.parse(item?.arguments ?? ""), { city: "Paris" });
      });
    }

    test("38. embeds by default in base64, and gets every number from an upstream of floats", async () => {
      const { data } = await client.embeddings.create({ model: "vectors", input: ["abc", "abcd"] });
      assert.deepEqual(data[0]?.embedding, [3, 0.5, 0, 0, 0, 0, 0, -0.25]);
      assert.equal(data[1]?.embedding.length, 8);
    });

    test("lists models", async () => {
      const ids: string[] = [];
      for await (const model of client.models.list()) ids.push(model.id);
      assert.deepEqual(ids, [...ALIASES, "vectors"]);
      assert.equal((await client.models.retrieve("gemini")).id, "gemini");
    });

    test("throws its own error classes", async () => {
      await assert.rejects(client.chat.completions.create({ model: "nope", messages }), OpenAI.NotFoundError);
      const invalid = client.chat.completions.create({ model: "anthropic", messages, n: 2 });
      await assert.rejects(
        invalid,
        (error) => error instanceof OpenAI.BadRequestError && error.param === "n",
      );
    });

    test("aborts, and the upstream's socket closes", async () => {
      const { openai } = stage.upstreams;
      openai.forget();
      openai.play({ steps: ["stall"] });
      const abort = new AbortController();
      const asked = client.chat.completions.create(
        { model: "openai", messages, stream: true },
        { signal: abort.signal },
      );
      const request = await openai.received(1);
      const at = performance.now();
      abort.abort();
      await assert.rejects(asked, OpenAI.APIUserAbortError);
      await openai.drained();
      assert.ok(request.closedAt - at < 100, `closed after ${request.closedAt - at} ms`);
    });
  });
}
