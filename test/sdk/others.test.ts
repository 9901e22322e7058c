/** LangChain, cohere-ai and ollama through the gateway. */
import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { ChatOpenAI, OpenAIEmbeddings } from "@langchain/openai";
import { CohereClient, CohereClientV2 } from "cohere-ai";
import { Ollama } from "ollama";
import { ALIASES, openStage, PARAMETERS, TEXT } from "./support/stage.ts";

const VECTOR = [3, 0.5, 0, 0, 0, 0, 0, -0.25];

describe("other packages", async () => {
  const stage = await openStage();
  after(() => stage.close());
  const baseURL = `${stage.sluice.url}/v1`;

  for (const model of ALIASES) {
    test(`LangChain over ${model}: whole and streamed`, async () => {
      const chat = new ChatOpenAI({ model, apiKey: "k", maxRetries: 0, configuration: { baseURL } });
      assert.equal((await chat.invoke("How warm is it?")).text, TEXT);
      let text = "";
      for await (const chunk of await chat.stream("How warm is it?")) text += chunk.text;
      assert.equal(text, TEXT);
    });

    test(`cohere-ai over ${model}: v2 and v1, whole and streamed`, async () => {
      const v2 = new CohereClientV2({ token: "k", environment: stage.sluice.url });
      const messages = [{ role: "user" as const, content: "How warm is it?" }];
      const whole = await v2.chat({ model, messages });
      assert.equal(whole.message.content?.[0]?.type === "text" && whole.message.content[0].text, TEXT);
      let text = "";
      for await (const event of await v2.chatStream({ model, messages })) {
        if (event.type === "content-delta") text += event.delta?.message?.content?.text ?? "";
      }
      assert.equal(text, TEXT);
      // To Cohere v1 is relayed as it is, and this upstream plays v2.
      if (model === "cohere") return;
      const v1 = new CohereClient({ token: "k", environment: stage.sluice.url });
      assert.equal((await v1.chat({ model, message: "How warm is it?" })).text, TEXT);
    });

    test(`ollama over ${model}: chat, stream, tools, generate`, async () => {
      const client = new Ollama({ host: stage.sluice.url });
      const messages = [{ role: "user", content: "How warm is it?" }];
      assert.equal((await client.chat({ model, messages })).message.content, TEXT);
      let text = "";
      for await (const part of await client.chat({ model, messages, stream: true }))
        text += part.message.content;
      assert.equal(text, TEXT);
      const tools = [
        { type: "function", function: { name: "weather", description: "d", parameters: PARAMETERS } },
      ];
      const called = await client.chat({ model, messages, tools });
      assert.deepEqual(called.message.tool_calls?.[0]?.function.arguments, { city: "Paris" });
      assert.equal((await client.generate({ model, prompt: "How warm is it?" })).response, TEXT);
    });
  }

  test("38. LangChain, cohere-ai and ollama embed", async () => {
    const chain = new OpenAIEmbeddings({
      model: "vectors",
      apiKey: "k",
      maxRetries: 0,
      configuration: { baseURL },
    });
    assert.deepEqual(await chain.embedDocuments(["abc"]), [VECTOR]);
    const cohere = await new CohereClientV2({ token: "k", environment: stage.sluice.url }).embed({
      model: "vectors",
      texts: ["abc"],
      inputType: "search_query",
      embeddingTypes: ["float"],
    });
    assert.deepEqual(cohere.embeddings.float, [VECTOR]);
    const ollama = await new Ollama({ host: stage.sluice.url }).embed({ model: "vectors", input: "abc" });
    assert.deepEqual(ollama.embeddings, [VECTOR]);
  });

  test("ollama lists and shows", async () => {
    const client = new Ollama({ host: stage.sluice.url });
    assert.deepEqual(
      (await client.list()).models.map((model) => model.name),
      [...ALIASES, "vectors"],
    );
    assert.ok((await client.show({ model: "openai:latest" })).capabilities.includes("completion"));
    await assert.rejects(client.chat({ model: "nope", messages: [] }), /nope/);
  });
});
