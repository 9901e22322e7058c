/** The Vercel ai SDK 6 and 7 through the gateway, on Chat and on Responses. */
import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import * as ai6 from "ai";
import * as ai7 from "ai-7";
import { createOpenAI as createOpenAI4 } from "ai-sdk-openai-4";
import { createOpenAICompatible as createOpenAICompatible3 } from "ai-sdk-openai-compatible-3";
import { ALIASES, openStage, PARAMETERS, TEXT } from "./support/stage.ts";

const VECTOR = [3, 0.5, 0, 0, 0, 0, 0, -0.25];

// The newer packages are the older ones' descendants: what is used of them here has the same shape.
const VERSIONS = {
  "6": { ai: ai6, createOpenAI, createOpenAICompatible },
  "7": {
    ai: ai7 as unknown as typeof ai6,
    createOpenAI: createOpenAI4 as unknown as typeof createOpenAI,
    createOpenAICompatible: createOpenAICompatible3 as unknown as typeof createOpenAICompatible,
  },
};

for (const [version, { ai, createOpenAI, createOpenAICompatible }] of Object.entries(VERSIONS)) {
  describe(`ai ${version}`, async () => {
    const stage = await openStage();
    after(() => stage.close());
    const baseURL = `${stage.sluice.url}/v1`;
    const compatible = createOpenAICompatible({ name: "sluice", baseURL, apiKey: "k", includeUsage: true });
    const official = createOpenAI({ baseURL, apiKey: "k" });
    const weather = ai.tool({
      inputSchema: ai.jsonSchema<{ city: string }>(PARAMETERS),
      execute: async ({ city }) => `21 in ${city}`,
    });

    for (const model of ALIASES) {
      for (const [form, provider] of Object.entries({ Chat: compatible, Responses: official })) {
        test(`${form} over ${model}: whole, streamed with usage, a tool loop`, async () => {
          const asked = { model: provider(model), prompt: "How warm is it?", maxRetries: 0 };
          assert.equal((await ai.generateText(asked)).text, TEXT);
          const streamed = ai.streamText(asked);
          let text = "";
          for await (const piece of streamed.textStream) text += piece;
          assert.equal(text, TEXT);
          assert.ok(((await streamed.usage).outputTokens ?? 0) > 0);
          const looped = await ai.generateText({
            ...asked,
            tools: { weather },
            stopWhen: ({ steps }) => steps.length === 2,
          });
          assert.equal(looped.steps[0]?.toolResults[0]?.output, "21 in Paris");
          assert.equal(looped.text, TEXT);
        });
      }
    }

    test("38. embeds", async () => {
      const model = compatible.embeddingModel("vectors");
      const { embeddings } = await ai.embedMany({ model, values: ["abc"] });
      assert.deepEqual(embeddings[0], VECTOR);
    });
  });
}
