/** A caller that waits for a silent target gets another one that comes back meanwhile (found by the simulation). */
import assert from "node:assert/strict";
import { test } from "node:test";
import { chat, SILENCE } from "../support/fake-answers.ts";
import { simulatedConfig } from "../support/simulated-config.ts";
import { simulateGateway } from "../support/simulated-gateway.ts";

test("a target that was out when the request came is asked once it is back and the other is late", () => {
  const sim = simulateGateway({
    toml: simulatedConfig({ providers: ["a", "b"] }),
    answer: ({ host }) =>
      host.startsWith("a") ? chat(true, { text: "back again" }, { firstMs: 100, everyMs: 5 }) : SILENCE,
  });
  sim.gateway.setOffline("a", true);
  const messages = [{ role: "user", content: "hi" }];
  const caller = sim.ask("/v1/chat/completions", { model: "m", messages, stream: true });
  sim.time.advance(20_000);
  assert.deepEqual(
    sim.network.requests.map(({ host }) => host),
    ["b.invalid"],
  );
  sim.gateway.setOffline("a", false);
  sim.time.advance(1500);
  assert.equal(caller.how, "ended");
  assert.match(caller.text, /again/);
});
