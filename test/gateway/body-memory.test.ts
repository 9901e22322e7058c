/** The memory of request bodies is given back by hand once they are out: no byte of them may be missed or changed by that. */

import { deepEqual, equal } from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { after, before, test } from "node:test";
import { Failure } from "../../src/base/failure.ts";
import { type CollectedBody, collectBody } from "../../src/gateway/body.ts";
import { createBodyBuffers } from "../../src/gateway/body-buffers.ts";
import type { BodyReceiver, Exchange } from "../../src/http/exchange.ts";
import { fakeTime } from "../support/fake-time.ts";
import { failoverConfig, startGateway, type TestGateway } from "../support/gateway.ts";
import { openaiChat } from "../support/openai-answers.ts";
import { type ReceivedRequest, type ScriptedUpstream, startUpstream } from "../support/scripted-upstream.ts";

const buffers = createBodyBuffers(fakeTime().timers, 0);
const canFree = "transfer" in ArrayBuffer.prototype;
const OK = openaiChat();

function collected(bytes: Buffer) {
  let result: CollectedBody | Failure | null = null;
  const exchange = {
    contentLength: bytes.length,
    receive: (receiver: BodyReceiver) => receiver.onChunk(bytes, true),
  } as unknown as Exchange;
  const store = { memory: { admit: () => null, release() {} }, bodyBuffers: buffers };
  collectBody(exchange, 1 << 20, store, (body) => {
    result = body;
  });
  if (result === null || (result as unknown) instanceof Failure) throw new Error("not collected");
  return result as CollectedBody;
}

test("a freed body takes no memory any more", { skip: !canFree && "not before Node 22" }, () => {
  const body = collected(Buffer.alloc(64 * 1024, 7));
  equal(body.bytes[0], 7);
  body.free();
  equal(body.bytes.length, 0);
  body.free();
});

test("a small body stands in a pool that others use: it stays", () => {
  const body = collected(Buffer.alloc(200, 7));
  body.free();
  equal(body.bytes[0], 7);
});

let first: ScriptedUpstream;
let second: ScriptedUpstream;
let gateway: TestGateway;

before(async () => {
  first = await startUpstream(OK);
  second = await startUpstream(OK);
  gateway = await startGateway(failoverConfig([first.url, second.url]));
});

after(async () => {
  await gateway.close();
  await first.close();
  await second.close();
});

const sha = (text: string) => createHash("sha256").update(text).digest("hex");

function bodyOf(bytes: number) {
  return { model: "m", messages: [{ role: "user", content: randomBytes(bytes >> 1).toString("hex") }] };
}

function contentsOf(requests: readonly ReceivedRequest[]): string[] {
  return requests
    .filter(({ complete }) => complete)
    .map((request) => sha((request.json() as ReturnType<typeof bodyOf>).messages[0]?.content ?? ""))
    .sort();
}

async function postAll(sizes: readonly number[]): Promise<string[]> {
  const bodies = sizes.map(bodyOf);
  const answers = await Promise.all(bodies.map((body) => gateway.post("/v1/chat/completions", body)));
  for (const answer of answers) equal(answer.status, 200, answer.text);
  return bodies.map((body) => sha(body.messages[0]?.content ?? "")).sort();
}

test("bodies of all sizes, many at once, reach the upstream as they were", async () => {
  for (const sizes of [
    [200, 20_000, 70_000, 300_000],
    [2_000_000, 40_000, 40_000, 40_000],
    Array(12).fill(65_536),
  ]) {
    first.forget();
    const sent = await postAll(sizes);
    deepEqual(contentsOf(first.requests), sent);
  }
});

test("a body that goes to a second target is whole there too", async () => {
  first.forget();
  second.forget();
  first.play({ steps: [{ send: "HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n" }] });
  const sent = await postAll([20_000, 200_000, 1_000_000, 65_536]);
  deepEqual(contentsOf(second.requests), sent);
});

test("a body is freed once its only send is out, and never when a second target got it", {
  skip: !canFree && "not before Node 22",
}, async (t) => {
  const own = await startGateway(failoverConfig([first.url, second.url]));
  const freed = t.mock.method(
    ArrayBuffer.prototype as ArrayBuffer & { transfer(length: number): ArrayBuffer },
    "transfer",
  );
  try {
    first.play(OK);
    equal((await own.post("/v1/chat/completions", bodyOf(100_000))).status, 200);
    equal(freed.mock.callCount(), 1);
    first.play({ steps: [{ send: "HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n" }] });
    equal((await own.post("/v1/chat/completions", bodyOf(100_000))).status, 200);
    equal(freed.mock.callCount(), 1);
  } finally {
    await own.close();
  }
});

test("an answer that comes before the body is through is relayed, and the next bodies are whole", async () => {
  const eager = await startUpstream((request) => ({ ...OK(request), on: "head" }), { early: true });
  const own = await startGateway(failoverConfig([eager.url]));
  try {
    for (let round = 0; round < 3; round++) {
      const answer = await own.post("/v1/chat/completions", bodyOf(12_000_000));
      equal(answer.status, 200, answer.text);
    }
    eager.play(OK);
    eager.forget();
    const body = bodyOf(100_000);
    equal((await own.post("/v1/chat/completions", body)).status, 200);
    deepEqual(contentsOf(eager.requests), [sha(body.messages[0]?.content ?? "")]);
  } finally {
    await own.close();
    await eager.close();
  }
});
