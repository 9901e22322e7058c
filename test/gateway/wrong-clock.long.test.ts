/** A router whose clock was never set: certificates that seem wrong divert, open no circuit, and are tried again once the clock jumps. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { failoverConfig, startGateway } from "../support/gateway.ts";
import { openaiChat } from "../support/openai-answers.ts";
import { startUpstream } from "../support/scripted-upstream.ts";
import { createAuthority, createCertificate } from "../support/tls.ts";

const DAY_MS = 86_400_000;

test("an expired certificate under an unset clock costs no circuit and is looked at again after the jump", async () => {
  const authority = createAuthority();
  const expired = createCertificate(authority, {
    notBefore: Date.now() - 10 * DAY_MS,
    notAfter: Date.now() - DAY_MS,
  });
  const a = await startUpstream(openaiChat({ text: "a" }), { tls: expired });
  const b = await startUpstream(openaiChat({ text: "b" }));
  const toml = failoverConfig([a.url, b.url]).replace("[provider.a]", '[provider.a]\nca_file = "ca.pem"');
  const sluice = await startGateway(toml, {
    readFile: () => authority.cert,
    buildDate: Date.now() + 30 * DAY_MS,
  });
  const ask = () =>
    sluice.post("/v1/chat/completions", { model: "m", messages: [{ role: "user", content: "hi" }] });
  const first = () => sluice.gateway.status().models[0]?.targets[0];
  try {
    for (let i = 0; i < 5; i++) {
      const answer = await ask();
      assert.equal(answer.status, 200, answer.text);
      assert.equal(answer.headers.get("x-sluice-provider"), "b");
    }
    assert.equal(first()?.requests, 1, "one look tells that its certificate cannot be judged now");
    assert.equal(first()?.failures, 0);
    assert.equal(first()?.circuit, "closed");

    Object.assign(sluice.time.clock, { wall: () => Date.now() + 60 * DAY_MS });
    // The clock is looked at every 10 s.
    const deadline = Date.now() + 15_000;
    while (first()?.requests === 1 && Date.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 250));
      assert.equal((await ask()).status, 200);
    }
    assert.ok((first()?.requests ?? 0) > 1, "asked again after the jump");
    assert.ok((first()?.failures ?? 0) > 0, "now the certificate is the target's own fault");
  } finally {
    await sluice.close();
    await a.close();
    await b.close();
  }
});
