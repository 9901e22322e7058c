/** Answers that come compressed although identity was asked for reach the caller decoded, whole and streamed. */
import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { answer } from "../support/answers.ts";
import { failoverConfig, startGateway } from "../support/gateway.ts";
import { openaiChatEvents, openaiCompletion } from "../support/openai-answers.ts";
import { startUpstream } from "../support/scripted-upstream.ts";

const hello = { model: "m", messages: [{ role: "user", content: "hi" }] };

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
