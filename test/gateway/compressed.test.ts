/** Answers that come compressed although identity was asked for reach the caller decoded, whole and streamed. */
import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { decompress } from "../../src/gateway/decompress.ts";
import { answer } from "../support/answers.ts";
import { failoverConfig, startGateway } from "../support/gateway.ts";
import { openaiChatEvents, openaiCompletion } from "../support/openai-answers.ts";
import { startUpstream } from "../support/scripted-upstream.ts";

const hello = { model: "m", messages: [{ role: "user", content: "hi" }] };

test("a decoder that is paused unpacks no more than it holds, however small the body was", async () => {
  const size = 32 * 1024 * 1024;
  let come = 0;
  let ended = false;
  const decoder = decompress("br", {
    onData(chunk) {
      if (come === 0) decoder?.pause();
      come += chunk.length;
    },
    onEnd() {
      ended = true;
    },
    onError: assert.fail,
    onRoom() {},
  });
  decoder?.write(brotliCompressSync(Buffer.alloc(size)));
  decoder?.end();
  while (come === 0) await setImmediate();
  for (let turn = 0; turn < 1000; turn++) await setImmediate();
  assert.ok(come < 1024 * 1024, `${come} bytes came`);
  decoder?.resume();
  while (!ended) await setImmediate();
  assert.equal(come, size);
});

describe("a compressed answer", async () => {
  const upstream = await startUpstream(answer());
  const sluice = await startGateway(failoverConfig([upstream.url], "[retry]\nper_target = 1\n"));
  after(async () => {
    await sluice.close();
    await upstream.close();
  });
  const play = (type: string, encoding: string, body: Buffer) =>
    upstream.play(answer({ headers: { "content-type": type, "content-encoding": encoding }, body }));

  test("is decoded when it is whole", async () => {
    play("application/json", "br", brotliCompressSync(JSON.stringify(openaiCompletion({ text: "whole" }))));
    const got = await sluice.post("/v1/chat/completions", hello);
    assert.equal(got.status, 200, got.text);
    assert.equal(got.headers.get("content-encoding"), null);
    assert.equal(got.json().choices[0].message.content, "whole");
  });

  test("is decoded when it is a stream", async () => {
    play("text/event-stream", "gzip", gzipSync(openaiChatEvents({ text: "streamed" }).join("")));
    const got = await sluice.post("/v1/chat/completions", { ...hello, stream: true });
    assert.equal(got.status, 200, got.text);
    assert.equal(got.headers.get("content-encoding"), null);
    assert.match(got.text, /streamed/);
    assert.match(got.text, /\[DONE\]/);
  });

  test("is an upstream error when it is damaged or of an encoding nobody asked for", async () => {
    for (const [encoding, body] of [
      ["gzip", Buffer.from("no gzip at all")],
      ["zstd", Buffer.from("{}")],
    ] as const) {
      play("application/json", encoding, body);
      const got = await sluice.post("/v1/chat/completions", hello);
      assert.equal(got.status, 502, got.text);
    }
  });
});
