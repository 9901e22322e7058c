/** Images, audio, moderations and legacy completions: routed by their model, relayed as they are. */
import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { eventStream, jsonAnswer, answer as play, sse } from "../support/answers.ts";
import { failoverConfig, startGateway } from "../support/gateway.ts";
import { openaiError } from "../support/openai-answers.ts";
import { startUpstream } from "../support/scripted-upstream.ts";

describe("what only passes", async () => {
  const first = await startUpstream(jsonAnswer({ created: 1, data: [{ b64_json: "AAAA" }] }));
  const second = await startUpstream(jsonAnswer({ text: "from b" }));
  const sluice = await startGateway(
    failoverConfig(
      [first.url, second.url],
      '[retry]\nbackoff_base = "1ms"\n[limits]\nmax_request_bytes = "1MiB"\n',
    ),
  );
  after(async () => {
    await sluice.close();
    await first.close();
    await second.close();
  });
  const form = async (path: string, fields: FormData) => {
    const response = await fetch(sluice.url + path, { method: "POST", body: fields });
    return { status: response.status, headers: response.headers, text: await response.text() };
  };

  test("images: JSON with the model replaced in place", async () => {
    const body = '{ "prompt":"a \\u00e9", "model" : "m", "n":1 }';
    const answer = await sluice.post("/v1/images/generations", body);
    assert.equal(answer.status, 200, answer.text);
    assert.equal(first.requests.at(-1)?.path, "/v1/images/generations");
    assert.equal(first.requests.at(-1)?.body.toString(), body.replace('"m"', '"model-a"'));
  });

  test("images without a model go to the default provider, untouched", async () => {
    const answer = await sluice.post("/v1/images/generations", { prompt: "x" });
    assert.equal(answer.status, 200, answer.text);
    assert.equal(answer.headers.get("x-sluice-provider"), "a");
    assert.deepEqual(first.requests.at(-1)?.json(), { prompt: "x" });
  });

  test("moderations too, and audio without a model is a 400", async () => {
    assert.equal((await sluice.post("/v1/moderations", { input: "x" })).status, 200);
    assert.equal(first.requests.at(-1)?.path, "/v1/moderations");
    const audio = await sluice.post("/v1/audio/speech", { input: "x", voice: "alloy" });
    assert.equal(audio.status, 400);
    assert.equal(audio.json().error.code, "missing_model");
  });

  test("a multipart form keeps every byte but its model's, wherever that field stands", async () => {
    first.play(jsonAnswer({ text: "hello" }));
    const bytes = Buffer.from(Array.from({ length: 4096 }, (_, index) => index % 256));
    for (const order of ["before", "after"]) {
      const fields = new FormData();
      if (order === "before") fields.set("model", "m");
      fields.set("file", new Blob([bytes]), "a.wav");
      fields.set("language", "de");
      if (order === "after") fields.set("model", "m");
      const answer = await form("/v1/audio/transcriptions", fields);
      assert.equal(answer.status, 200, answer.text);
      const request = first.requests.at(-1);
      assert.ok(request !== undefined);
      assert.equal(request.path, "/v1/audio/transcriptions");
      assert.equal(Number(request.header("content-length")), request.body.length);
      const got = await new Response(request.body, {
        headers: { "content-type": request.header("content-type") },
      }).formData();
      assert.equal(got.get("model"), "model-a");
      assert.equal(got.get("language"), "de");
      assert.deepEqual(Buffer.from(await (got.get("file") as File).arrayBuffer()), bytes);
    }
  });

  test("a form goes to the next target, with that one's model, when the first fails", async () => {
    first.play(openaiError(500));
    const fields = new FormData();
    fields.set("model", "m");
    fields.set("file", new Blob(["abc"]), "a.wav");
    const answer = await form("/v1/audio/translations", fields);
    assert.equal(answer.status, 200, answer.text);
    assert.match(answer.text, /from b/);
    assert.match(second.requests.at(-1)?.body.toString("latin1") ?? "", /name="model"\r\n\r\nmodel-b\r\n/);
  });

  test("speech comes as the bytes it is, streamed", async () => {
    sluice.gateway.reset("a");
    const sound = Buffer.alloc(300_000, 7);
    first.play(
      play({
        headers: { "content-type": "audio/mpeg" },
        pieces: [sound.subarray(0, 1000), sound.subarray(1000)],
      }),
    );
    const response = await fetch(`${sluice.url}/v1/audio/speech`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ model: "m", input: "x", voice: "alloy" }),
    });
    assert.equal(response.headers.get("content-type"), "audio/mpeg");
    assert.deepEqual(Buffer.from(await response.arrayBuffer()), sound);
  });

  test("a form that is cut off, or without a model, is a 400", async () => {
    const headers = { "content-type": "multipart/form-data; boundary=xyz" };
    const cut = await sluice.post(
      "/v1/audio/transcriptions",
      '--xyz\r\ncontent-disposition: form-data; name="model"\r\n\r\nm',
      headers,
    );
    assert.equal(cut.status, 400);
    const empty = await sluice.post("/v1/audio/transcriptions", "--xyz--\r\n", headers);
    assert.equal(empty.json().error.code, "missing_model");
  });

  test("legacy completions, whole and streamed", async () => {
    const asked = { model: "m", prompt: "once" };
    first.play(
      jsonAnswer({
        object: "text_completion",
        choices: [{ index: 0, text: " upon", finish_reason: "stop" }],
      }),
    );
    const whole = await sluice.post("/v1/completions", asked);
    assert.equal(whole.json().choices[0].text, " upon");
    assert.equal(first.requests.at(-1)?.path, "/v1/completions");
    const chunk = (text: string, finish: string | null) =>
      sse({ object: "text_completion", choices: [{ index: 0, text, finish_reason: finish }] });
    first.play(eventStream([chunk(" upon", null), chunk("", "stop"), sse("[DONE]")]));
    const streamed = await sluice.post("/v1/completions", { ...asked, stream: true });
    assert.match(streamed.text, /upon[\s\S]*\[DONE\]\n\n$/);
    first.play(eventStream([chunk(" upon", null)], { breakAfter: 1, how: "rst" }));
    const broken = await sluice.post("/v1/completions", { ...asked, stream: true });
    assert.match(broken.text, /"error"/);
    assert.doesNotMatch(broken.text, /\[DONE\]/);
  });
});
