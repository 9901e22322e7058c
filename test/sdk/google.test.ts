/** @google/genai 2.32 and 3.3 through the gateway, on /v1beta and on /v1, which 3 asks by default. */
import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { GoogleGenAI as GoogleGenAI2 } from "@google/genai";
import { GoogleGenAI as GoogleGenAI3 } from "google-genai-3";
import { ALIASES, openStage, PARAMETERS, TEXT } from "./support/stage.ts";

// The newer one is the older one's descendant: what is used of it here has the same shape.
const VERSIONS = { "2.32": GoogleGenAI2, "3.3": GoogleGenAI3 as unknown as typeof GoogleGenAI2 };

for (const [version, GoogleGenAI] of Object.entries(VERSIONS)) {
  describe(`Google's package ${version}`, async () => {
    const stage = await openStage();
    after(() => stage.close());
    for (const apiVersion of ["v1beta", "v1"]) {
      const client = new GoogleGenAI({ apiKey: "k", httpOptions: { baseUrl: stage.sluice.url, apiVersion } });
      for (const model of ALIASES) {
        test(`${apiVersion} over ${model}: whole, streamed, a tool`, async () => {
          const whole = await client.models.generateContent({ model, contents: "How warm is it?" });
          assert.equal(whole.text, TEXT);
          let text = "";
          for await (const chunk of await client.models.generateContentStream({
            model,
            contents: "How warm?",
          }))
            text += chunk.text ?? "";
          assert.equal(text, TEXT);
          const tools = [{ functionDeclarations: [{ name: "weather", parametersJsonSchema: PARAMETERS }] }];
          const called = await client.models.generateContent({
            model,
            contents: "How warm?",
            config: { tools },
          });
          assert.deepEqual(called.functionCalls?.[0]?.args, { city: "Paris" });
        });
      }

      test(`95. ${apiVersion}: chats keep both streamed turns`, async () => {
        const chat = client.chats.create({ model: "openai" });
        for (const message of ["one", "two"])
          for await (const _ of await chat.sendMessageStream({ message }));
        const history = chat.getHistory(true);
        const said = (role: string) =>
          history
            .filter((turn) => turn.role === role)
            .flatMap((turn) => turn.parts?.map((part) => part.text ?? "") ?? []);
        assert.deepEqual(said("user"), ["one", "two"]);
        assert.equal(said("model").join(""), TEXT + TEXT);
      });

      test(`${apiVersion}: embeds and counts`, async () => {
        const embedded = await client.models.embedContent({ model: "vectors", contents: ["abc", "abcd"] });
        assert.deepEqual(
          embedded.embeddings?.map((entry) => entry.values?.[0]),
          [3, 4],
        );
        assert.ok(
          ((await client.models.countTokens({ model: "openai", contents: "a b c" })).totalTokens ?? 0) > 0,
        );
        await assert.rejects(client.models.generateContent({ model: "nope", contents: "x" }), /NOT_FOUND/);
      });
    }
  });
}
