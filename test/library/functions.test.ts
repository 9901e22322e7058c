/** The decisions the library shows as functions: tokens, addresses, errors. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { classifyError, estimateTokens, Failure, isPrivateAddress, resolvePublic } from "../../src/index.ts";

test("estimateTokens counts by characters", () => {
  assert.equal(estimateTokens(""), 0);
  assert.equal(estimateTokens("a".repeat(40)), 11);
});

test("isPrivateAddress knows every notation", () => {
  for (const host of [
    "127.0.0.1",
    "0x7f000001",
    "[::ffff:10.0.0.1]",
    "100.64.0.1",
    "169.254.169.254",
    "fd00::1",
  ])
    assert.equal(isPrivateAddress(host), true, host);
  for (const host of ["8.8.8.8", "2606:4700::1111", "example.com"])
    assert.equal(isPrivateAddress(host), false, host);
});

describe("resolvePublic", () => {
  test("takes a public literal as it is", async () => {
    assert.deepEqual(await resolvePublic("8.8.8.8"), ["8.8.8.8"]);
    assert.deepEqual(await resolvePublic("[2606:4700::1111]"), ["2606:4700::1111"]);
  });

  test("refuses private hosts with a Failure", async () => {
    for (const host of ["localhost", "127.0.0.1", "0x7f.1", "[::1]", "10.1.2.3", "a.localhost", ""])
      await assert.rejects(
        resolvePublic(host),
        (thrown) => thrown instanceof Failure && thrown.code === "private_address",
      );
  });

  test("refuses what is no text with a TypeError", async () => {
    await assert.rejects(resolvePublic(7 as unknown as string), TypeError);
  });
});

describe("classifyError", () => {
  test("tells a rate limit from an empty account", () => {
    const limited = classifyError({
      status: 429,
      headers: { "Retry-After": "2" },
      body: { error: { message: "slow" } },
    });
    assert.equal(limited.cause, "rate_limit");
    assert.equal(limited.kind, "rate_limit");
    assert.equal(limited.retryAfterMs, 2000);
    assert.equal(limited.sameTarget, "after_wait");
    const empty = classifyError({
      status: 429,
      body: { error: { message: "no money", code: "insufficient_quota" } },
    });
    assert.equal(empty.cause, "account");
    assert.equal(empty.code, "insufficient_quota");
    assert.equal(empty.sameTarget, "no");
    assert.equal(empty.next, "yes");
  });

  test("reads Anthropic's errors for kind anthropic, text and Headers too", () => {
    const body = JSON.stringify({
      type: "error",
      error: { type: "overloaded_error", message: "Overloaded" },
    });
    const found = classifyError(
      { status: 529, headers: new Headers({ "x-a": "b" }), body },
      { kind: "anthropic" },
    );
    assert.equal(found.kind, "overloaded");
    assert.equal(found.message, "Overloaded");
    assert.equal(found.counts, true);
  });

  test("refuses wrong arguments with a TypeError", () => {
    const wrong = classifyError as (...args: unknown[]) => unknown;
    assert.throws(() => wrong("x"), TypeError);
    assert.throws(() => wrong({ status: "500" }), TypeError);
    assert.throws(() => wrong({ status: 500 }, { kind: "soap" }), { name: "TypeError", message: /openai/ });
  });
});
