/** What was made of a head serves the next request with the same head, and no other (20-http.md, Headers). */
import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { HeadMemory } from "../../src/gateway/head-memory.ts";
import { failoverConfig, startGateway } from "../support/gateway.ts";
import { openaiChat } from "../support/openai-answers.ts";
import { startUpstream } from "../support/scripted-upstream.ts";

const body = { model: "m", messages: [{ role: "user", content: "hi" }] };

describe("the head sent upstream", async () => {
  const upstream = await startUpstream(openaiChat({ text: "a" }));
  const sluice = await startGateway(failoverConfig([upstream.url]));
  after(async () => {
    await sluice.close();
    await upstream.close();
  });
  const sent = async (headers: Record<string, string>, content = "hi") => {
    const messages = [{ role: "user", content }];
    const answer = await sluice.post("/v1/chat/completions", { ...body, messages }, headers);
    assert.equal(answer.status, 200);
    const request = upstream.requests.at(-1);
    assert.ok(request !== undefined);
    return request;
  };

  test("follows every value that goes on, whoever called before", async () => {
    for (const key of ["idem-1", "idem-2", "idem-1", "idem-3", "idem-4", "idem-5", "idem-1"]) {
      const head = await sent({ "idempotency-key": key, authorization: `Bearer of-${key}` });
      assert.equal(head.header("idempotency-key"), key);
      assert.doesNotMatch(JSON.stringify(head.headers), /of-idem/);
    }
    assert.equal((await sent({})).header("idempotency-key"), "");
  });

  test("is the same for bodies of other lengths, whose own length it tells", async () => {
    const short = await sent({ "x-title": "t" });
    const long = await sent({ "x-title": "t" }, "hi ".repeat(100));
    assert.equal(long.header("x-title"), "t");
    assert.ok(Number(long.header("content-length")) > Number(short.header("content-length")));
  });
});

test("only values that count are compared and kept, and all names are", () => {
  const memory = new HeadMemory<string>();
  const counts = (name: string) => name === "accept";
  memory.keep(["accept", "a", "authorization", "Bearer secret"], counts, "made");
  assert.equal(memory.recall(["accept", "a", "authorization", "Bearer other"]), "made");
  assert.equal(memory.recall(["accept", "b", "authorization", "Bearer secret"]), null);
  assert.equal(memory.recall(["accept", "a", "x-api-key", "Bearer secret"]), null);
  assert.equal(memory.recall(["accept", "a"]), null);
  assert.equal(memory.recall([]), null);
});

test("few heads are kept, and no long one", () => {
  const memory = new HeadMemory<number>();
  const all = () => true;
  for (let i = 0; i < 5; i++) memory.keep(["accept", String(i)], all, i);
  assert.deepEqual(
    [0, 1, 2, 3, 4].map((i) => memory.recall(["accept", String(i)])),
    [null, 1, 2, 3, 4],
  );
  const long = ["accept", "x".repeat(5000)];
  memory.keep(long, all, 9);
  assert.equal(memory.recall(long), null);
});
