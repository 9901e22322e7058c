/** A caller that goes away: its upstream request is cancelled at once, whatever it was waiting for. */
import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { failoverConfig, startGateway } from "../support/gateway.ts";
import { openaiChatEvents } from "../support/openai-answers.ts";
import { type ReceivedRequest, type Step, startUpstream } from "../support/scripted-upstream.ts";

const HEAD = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
const [role = "", first = ""] = openaiChatEvents({ text: "hello there" });
const WAYS: readonly (readonly [name: string, stream: boolean, steps: readonly Step[]])[] = [
  ["while it waits for the first token", true, ["stall"]],
  ["in the middle of a stream", true, [{ send: HEAD }, { chunk: role + first }, "stall"]],
  ["while it waits for a whole answer", false, ["stall"]],
];

for (const engine of ["node", "hyper-express"] as const) {
  describe(`a caller that goes away (${engine})`, async () => {
    const upstream = await startUpstream({ steps: ["stall"] });
    const sluice = await startGateway(failoverConfig([upstream.url]), { engine });
    after(async () => {
      await sluice.close();
      await upstream.close();
    });

    for (const [name, stream, steps] of WAYS) {
      test(`${name}: the upstream's socket closes within 100 ms`, async () => {
        upstream.forget();
        upstream.play({ steps });
        const abort = new AbortController();
        const asked = fetch(`${sluice.url}/v1/chat/completions`, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify({ model: "m", stream, messages: [{ role: "user", content: "hi" }] }),
          signal: abort.signal,
        });
        // The body breaks off, as asked.
        const gone = asked.then((response) => response.text()).catch((error: Error) => error.name);
        const request: ReceivedRequest = await upstream.received(1);
        if (steps.length > 1) await asked;
        const at = performance.now();
        abort.abort();
        await upstream.drained();
        assert.ok(request.closedAt - at < 100, `closed after ${request.closedAt - at} ms`);
        assert.equal(request.aborted, true);
        assert.equal(await gone, "AbortError");
        while (sluice.gateway.active > 0) await new Promise((resolve) => setImmediate(resolve));
        assert.equal(sluice.gateway.status().memory.bodies.used, 0);
      });
    }
  });
}
