/** The token estimate: the formula on texts, and whole request bodies by bytes. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { estimateRequest, mostTokens } from "../../src/protocols/estimate.ts";
import { estimateTokens } from "../../src/protocols/rune-count.ts";
import { seededRandom, seedOf } from "../support/seed.ts";

function body(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}

test("a text counts floor(2*cjk/3) + floor(rest/4) + 1, an empty one nothing", () => {
  assert.equal(estimateTokens(""), 0);
  assert.equal(estimateTokens("a"), 1);
  assert.equal(estimateTokens("abcd"), 2);
  assert.equal(estimateTokens("Hello, world!"), 4);
  assert.equal(estimateTokens("你好世界"), 3);
  assert.equal(estimateTokens("こんにちは"), 4);
  assert.equal(estimateTokens("안녕"), 2);
  assert.equal(estimateTokens("你好 hello"), 1 + 1 + 1);
  assert.equal(estimateTokens("😀😀😀😀"), 2, "a surrogate pair is one rune");
});

test("a body's bytes give what its texts give, plus one a message, however they are escaped", () => {
  for (const text of [
    "hello there, how are you",
    "你好世界",
    'tab\t"quoted" \\ 😀 é',
    "한국어와 English",
    "",
  ]) {
    const expected = estimateTokens(text) + 1;
    const message = { model: "some-long-model-name", messages: [{ role: "user", content: text }] };
    assert.equal(estimateRequest(body(message)), expected, text);
    const escaped = JSON.stringify(message).replace(/[\u0080-\uffff]/g, (unit) => {
      return `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
    });
    assert.equal(estimateRequest(Buffer.from(escaped)), expected, escaped);
    const anthropic = { messages: [{ role: "user", content: [{ type: "text", text }] }], max_tokens: 5 };
    assert.equal(estimateRequest(body(anthropic)), expected, text);
    assert.equal(estimateRequest(body({ contents: [{ role: "user", parts: [{ text }] }] })), expected, text);
    assert.equal(estimateRequest(body({ input: text })), expected - 1, text);
  }
});

test("a long text counts the same wherever its bytes lie in memory", () => {
  const seed = seedOf(4);
  const random = seededRandom(seed);
  const pieces = ["plain words of a text, ", "\\", '"', "\n", "é", "漢字", "😀", "x", "\u0007"];
  for (let round = 0; round < 200; round++) {
    let text = "";
    while (text.length < 600) text += pieces[Math.floor(random() * pieces.length)];
    const bytes = body({ messages: [{ role: "user", content: text }] });
    const placed = Buffer.alloc(bytes.length + 16);
    for (let offset = 0; offset < 8; offset++) {
      bytes.copy(placed, offset);
      const shifted = placed.subarray(offset, offset + bytes.length);
      assert.equal(estimateRequest(shifted), estimateTokens(text) + 1, `SEED=${seed}, round ${round}`);
    }
  }
});

test("images, documents, signatures and ids cost nothing; tool definitions cost their whole text", () => {
  const data = "A".repeat(100_000);
  const picture = {
    messages: [
      {
        role: "user",
        content: [
          { type: "text", text: "what is this" },
          { type: "image_url", image_url: { url: `data:image/png;base64,${data}` } },
          { type: "image", source: { type: "base64", media_type: "image/png", data } },
          { type: "input_image", image_url: `data:image/png;base64,${data}` },
          { type: "thinking", thinking: "hm", signature: data },
          `data:image/png;base64,${data}`,
        ],
      },
    ],
  };
  assert.equal(estimateRequest(body(picture)), estimateTokens("what is this") + estimateTokens("hm") + 1);
  const tools = [
    { type: "function", function: { name: "f", parameters: { type: "object", properties: {} } } },
  ];
  assert.equal(estimateRequest(body({ tools })), estimateTokens(JSON.stringify(tools)));
  assert.equal(estimateRequest(body({ tools: [] })), 0);
});

test("token ids count one each", () => {
  assert.equal(estimateRequest(body({ model: "m", input: [15339, 1917, 7] })), 3);
  assert.equal(estimateRequest(body({ model: "m", input: [[1, 22], [333]] })), 3);
  assert.equal(estimateRequest(body({ model: "m", input: ["abcd", "abcd"] })), 4);
});

test("what is no JSON, or cut anywhere, gives a number and ends", () => {
  const whole = body({
    tools: [{ a: "b\\" }],
    messages: [{ role: "user", content: "\u00e9\\u12" }],
    data: "x",
  });
  for (let length = 0; length <= whole.length; length++) {
    assert.ok(estimateRequest(whole.subarray(0, length)) >= 0);
  }
  assert.equal(estimateRequest(Buffer.from("")), 0);
  assert.ok(estimateRequest(Buffer.from('"\\u"]]}}{"":}')) >= 0);
});

test("no body is estimated above its bound, however it is made of crumbs", () => {
  const many = <T>(value: T) => Array.from({ length: 1000 }, () => value);
  for (const value of [
    { messages: many({}) },
    { messages: many([]) },
    { input: many("a") },
    { input: many(7) },
    { input: many([1, 2, 3]) },
    { input: many({ a: "漢" }) },
    { messages: many({ content: "漢漢漢" }), tools: many({}) },
    { contents: many({ parts: [{ text: "a" }] }) },
    many("a"),
    many("漢"),
    {},
    "",
  ]) {
    const bytes = body(value);
    const estimate = estimateRequest(bytes);
    assert.ok(estimate <= mostTokens(bytes), `${estimate} tokens of ${bytes.toString("utf8", 0, 60)}`);
  }
});

test("a large image in the body costs nothing", () => {
  const large = body({ messages: [{ content: [{ data: "A".repeat(8 * 1024 * 1024) }, { text: "abcd" }] }] });
  assert.equal(estimateRequest(large), 2 + 1);
});
