/** OpenAI's newest models take tools on Responses only: whatever the caller speaks (40-protocols.md 1.10). */
import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { startGateway } from "../support/gateway.ts";
import { openaiChat } from "../support/openai-answers.ts";
import { aliasToml, lastAsked, providerToml } from "../support/providers.ts";
import { responses } from "../support/responses-answers.ts";
import { startUpstream } from "../support/scripted-upstream.ts";

const tools = [
  { type: "function", function: { name: "weather", parameters: { type: "object", properties: {} } } },
];
const messages = [{ role: "user", content: "hi" }];

describe("gpt-5.4 and later with tools", async () => {
  const upstream = await startUpstream((request) =>
    (request.path.endsWith("/responses") ? responses : openaiChat)({ text: "hello" })(request),
  );
  const sluice = await startGateway(
    providerToml("both", "responses", upstream.url, 'dialect = "openai"') +
      providerToml("chat", "openai", upstream.url, 'dialect = "openai"') +
      aliasToml("new", [["both", "gpt-5.6"]]) +
      aliasToml("older", [["both", "gpt-5.4"]]) +
      aliasToml("only-chat", [["chat", "gpt-5.6"]]),
  );
  after(async () => {
    await sluice.close();
    await upstream.close();
  });
  const ask = (body: object) => sluice.post("/v1/chat/completions", { messages, ...body });
  const path = () => upstream.requests.at(-1)?.path;

  test("86. go to Responses, Chat's and Anthropic's callers alike, and nothing is stored there", async () => {
    assert.equal((await ask({ model: "new", tools })).json().choices[0].message.content, "hello");
    assert.equal(path(), "/v1/responses");
    assert.equal(lastAsked(upstream)["store"], false);
    assert.deepEqual(lastAsked(upstream)["include"], ["reasoning.encrypted_content"]);
    const answer = await sluice.post("/v1/messages", {
      model: "new",
      max_tokens: 50,
      messages,
      tools: [{ name: "weather", input_schema: { type: "object", properties: {} } }],
    });
    assert.equal(answer.json().content[0].text, "hello");
    assert.equal(path(), "/v1/responses");
  });

  test("stay on Chat without tools, with effort none, and 5.4 where no effort is asked", async () => {
    await ask({ model: "new" });
    assert.equal(path(), "/v1/chat/completions");
    await ask({ model: "new", tools, reasoning_effort: "none" });
    assert.equal(path(), "/v1/chat/completions");
    await ask({ model: "older", tools });
    assert.equal(path(), "/v1/chat/completions");
    await ask({ model: "older", tools, reasoning_effort: "high" });
    assert.equal(path(), "/v1/responses");
  });

  test("86. lose their effort where only Chat exists, with a warning", async () => {
    const answer = await ask({ model: "only-chat", tools });
    assert.equal(answer.status, 200, answer.text);
    assert.equal(path(), "/v1/chat/completions");
    assert.equal(lastAsked(upstream)["reasoning_effort"], "none");
    assert.match(answer.headers.get("x-sluice-warning") ?? "", /field=reasoning_effort/);
  });
});
