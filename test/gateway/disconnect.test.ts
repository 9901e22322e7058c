/** Clients that close their connection, over real sockets and both engines: the upstream is cancelled at once. */
import assert from "node:assert/strict";
import { connect } from "node:net";
import { describe, test } from "node:test";
import type { EngineKind } from "../../src/http/engine.ts";
import { eventStream } from "../support/answers.ts";
import { failoverConfig, startGateway } from "../support/gateway.ts";
import { openaiChatEvents } from "../support/openai-answers.ts";
import { type Script, startUpstream } from "../support/scripted-upstream.ts";

const events = openaiChatEvents({ text: "one two three four" });
const phases: Readonly<
  Record<string, { readonly script: Script; readonly stream: boolean; readonly until: RegExp | null }>
> = {
  "before the head": { script: { steps: ["stall"] }, stream: true, until: null },
  "before the head of a whole answer": { script: { steps: ["stall"] }, stream: false, until: null },
  "between head and content": {
    script: eventStream(events, { breakAfter: 1, how: "stall" }),
    stream: true,
    until: null,
  },
  "inside the stream": {
    script: eventStream(events, { breakAfter: 3, how: "stall" }),
    stream: true,
    until: /two/,
  },
};

for (const engine of ["node", "hyper-express"] as const satisfies readonly EngineKind[]) {
  describe(`a client of the ${engine} engine that goes`, () => {
    for (const [name, { script, stream, until }] of Object.entries(phases)) {
      test(`${name}: the upstream's connection is closed at once`, async () => {
        const upstream = await startUpstream(script);
        const sluice = await startGateway(failoverConfig([upstream.url]), { engine });
        try {
          const body = JSON.stringify({ model: "m", messages: [{ role: "user", content: "hi" }], stream });
          const client = connect(Number(new URL(sluice.url).port), "127.0.0.1");
          const read = new Promise<void>((resolve) => {
            let seen = "";
            client.on("data", (piece) => {
              seen += piece;
              if (until?.test(seen)) resolve();
            });
          });
          client.on("error", () => {}); // it is reset on purpose
          client.write(
            `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
          );
          const request = await upstream.received(1);
          if (until !== null) await read;
          const gone = performance.now();
          client.destroy();
          await upstream.drained();
          const took = request.closedAt - gone;
          // 100 ms on an idle machine; the tests of a whole suite share two cores.
          assert.ok(took < 1000, `${took} ms`);
          assert.equal(request.aborted, true);
          const status = sluice.gateway.status();
          assert.deepEqual(
            [status.memory.bodies.used, status.requests.active, status.upstream.open],
            [0, 0, 0],
          );
          assert.equal(status.models[0]?.targets[0]?.failures, 0);
        } finally {
          await sluice.close();
          await upstream.close();
        }
      });
    }
  });
}
