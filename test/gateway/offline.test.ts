/** A provider taken out by hand is not asked, however its models are named, and stays out over a reload and a restart. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { failoverConfig, startGateway } from "../support/gateway.ts";
import { openaiChat } from "../support/openai-answers.ts";
import { startUpstream } from "../support/scripted-upstream.ts";

test("an offline provider is left alone by alias, by provider/model and under its prefix", async () => {
  const a = await startUpstream(openaiChat({ text: "a" }));
  const b = await startUpstream(openaiChat({ text: "b" }));
  const toml = failoverConfig([a.url, b.url]).replace("[provider.a]", '[provider.a]\nprefix = "/raw-a"');
  const sluice = await startGateway(toml);
  const ask = (model: string) =>
    sluice.post("/v1/chat/completions", { model, messages: [{ role: "user", content: "hi" }] });
  try {
    assert.equal(sluice.gateway.setOffline("nobody", true), false);
    assert.equal(sluice.gateway.setOffline("a", true), true);
    assert.equal((await ask("m")).headers.get("x-sluice-provider"), "b");
    const direct = await ask("a/anything");
    assert.equal(direct.status, 503);
    assert.equal(direct.json().error.code, "no_target");
    assert.equal((await sluice.post("/raw-a/v1/models", {})).status, 503);
    sluice.reload(toml);
    assert.equal((await ask("m")).headers.get("x-sluice-provider"), "b");
    assert.equal(sluice.gateway.status().providers[0]?.offline, true);
    assert.equal(sluice.gateway.status().models[0]?.targets[0]?.status, "offline");
    assert.equal(a.requests.length, 0);

    const saved = JSON.parse(JSON.stringify(sluice.gateway.record()));
    sluice.gateway.setOffline("a", false);
    assert.equal((await ask("m")).headers.get("x-sluice-provider"), "a");
    sluice.gateway.restore(saved);
    assert.equal((await ask("m")).headers.get("x-sluice-provider"), "b");
  } finally {
    await sluice.close();
    await a.close();
    await b.close();
  }
});
