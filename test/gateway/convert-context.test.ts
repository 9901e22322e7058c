import assert from "node:assert/strict";
import { test } from "node:test";
import { protocolNamed } from "../../src/protocols/registry.ts";
import { openaiCompletion } from "../support/openai-answers.ts";
import { simulateGateway } from "../support/simulated-gateway.ts";

test("a whole answer is read with all that a conversion may look at", (t) => {
  const reads = t.mock.method(protocolNamed("openai-chat"), "decodeResponse");
  const simulated = simulateGateway({
    toml: '[provider.a]\nbase_url = "https://a.invalid/v1"\napi_key = "key"\n[model.m]\ntargets = [{ provider = "a", model = "x" }]\n',
    answer: () => [
      { afterMs: 1, head: 200, headers: ["content-type", "application/json"] },
      { afterMs: 1, data: JSON.stringify(openaiCompletion()) },
      { afterMs: 0, end: true },
    ],
  });
  const messages = [{ role: "user", content: "hi" }];
  const exchange = simulated.ask("/v1/messages", { model: "m", max_tokens: 5, messages });
  simulated.time.advance(1000);
  assert.equal(exchange.status, 200, exchange.text);
  const context = reads.mock.calls[0]?.arguments[1];
  assert.ok(context !== undefined && context.now > 0);
  assert.ok(context.names.tools instanceof Map);
});
