/** What createPool refuses, and in which words. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createPool, request } from "../../src/index.ts";
import { openaiChat } from "../support/openai-answers.ts";
import { startUpstream } from "../support/scripted-upstream.ts";

const create = createPool as (...args: unknown[]) => { close(): void };
const GOOD = { baseUrl: "http://127.0.0.1:9/v1", apiKey: "sk-hidden-0123456789", model: "m" };

describe("createPool refuses with a TypeError", () => {
  for (const [what, args, message] of [
    ["no targets", [[]], /^targets: /],
    ["no list", [GOOD], /^targets: /],
    ["a target that is none", [["x"]], /^targets\[0\]: /],
    ["a target without a place", [[{ model: "m" }]], /^targets\[0\].*base_url/],
    ["a target without a model", [[{ ...GOOD, model: undefined }]], /^targets\[0\]\.model: is missing/],
    ["a model that stands for others", [[{ ...GOOD, model: "$model" }]], /^targets\[0\]\.model: /],
    ["a base URL of another scheme", [[{ ...GOOD, baseUrl: "ftp://x" }]], /^targets\[0\]\.baseUrl: /],
    ["an unknown key", [[GOOD, { ...GOOD, baseURI: "x" }]], /^targets\[1\]\.\S+: is not a key/],
    ["a key of a wrong type", [[{ ...GOOD, weight: "2" }]], /^targets\[0\]\.weight: /],
    ["a wrong price", [[{ ...GOOD, price: { input: -1, output: 1 } }]], /^targets\[0\]\.price\.input: /],
    ["an empty key", [[{ ...GOOD, apiKey: "" }]], /^targets\[0\]\.apiKey: is empty/],
    [
      "a name twice",
      [
        [
          { ...GOOD, name: "a" },
          { ...GOOD, name: "a" },
        ],
      ],
      /^targets\[1\]\.name: .*targets\[0\]/,
    ],
    ["a name that is none", [[{ ...GOOD, name: "a b" }]], /^targets\[0\]\.name: /],
    ["two places", [[{ ...GOOD, ollama: {} }]], /^targets\[0\]/],
    ["retries that are no number", [[GOOD], { retries: "3" }], /^options\.retries: /],
    ["negative retries", [[GOOD], { retries: -1 }], /^options\.retries: /],
    ["endless retries", [[GOOD], { retries: Number.POSITIVE_INFINITY }], /^options\.retries: /],
    ["an unknown option", [[GOOD], { retires: 3 }], /^options\.retires: is not a key/],
    ["an unknown strategy", [[GOOD], { strategy: "random" }], /^options\.strategy: .*failover/],
    ["options that are none", [[GOOD], "fast"], /^options: /],
  ] as const) {
    test(what, () => {
      assert.throws(
        () => create(...args),
        (thrown) => {
          assert.ok(thrown instanceof TypeError, String(thrown));
          assert.match(thrown.message, message);
          assert.ok(!thrown.message.includes("sk-hidden"), thrown.message);
          return true;
        },
      );
    });
  }
});

describe("createPool takes", () => {
  test("values with a dollar sign as they are, milliseconds as numbers, two targets of one host", async () => {
    const upstream = await startUpstream(openaiChat());
    const target = { baseUrl: `${upstream.url}/v1`, apiKey: "k${HOME}$$x", model: "m" };
    const pool = createPool(
      [
        { ...target, timeouts: { connect: 1500 }, headers: { "X-Team_Name": "a" } },
        { ...target, model: "m2" },
      ],
      { retries: 2, strategy: "weighted", timeouts: { answer: "5s" }, hedge: { after: "p95" } },
    );
    try {
      const { target: answered } = await request(pool, { messages: [{ role: "user", content: "x" }] });
      assert.match(answered, /^127\.0\.0\.1(?:-2)?\/m2?$/);
      const sent = upstream.requests[0];
      assert.equal(sent?.header("authorization"), "Bearer k${HOME}$$x");
    } finally {
      pool.close();
      await upstream.close();
    }
  });

  test("the demo provider, which needs no network", async () => {
    const pool = createPool([{ demo: { latency: "0ms", tokensPerSecond: 10_000 }, model: "demo" }]);
    const answer = await request(pool, { messages: [{ role: "user", content: "x" }] });
    assert.equal(answer.target, "demo/demo");
    pool.close();
  });
});
