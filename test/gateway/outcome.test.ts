/** What the caller is told when no target could answer. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { composeFailure, type FailedAttempt } from "../../src/gateway/outcome.ts";
import { trouble } from "../../src/gateway/trouble.ts";
import { classifyAnswer, verdictOf } from "../../src/upstream/classify.ts";
import type { Cause } from "../../src/upstream/failure-rows.ts";

function note(target: string) {
  return { target, cause: "", message: "", status: 0, ms: 1 };
}

function answered(
  target: string,
  status: number,
  details: { message?: string; code?: string; retryAfter?: string; speaksCallers?: boolean } = {},
): FailedAttempt {
  const { message = `error ${status}`, code = "", retryAfter, speaksCallers = false } = details;
  const headers = retryAfter === undefined ? [] : ["retry-after", retryAfter];
  const error = { status, code, message, param: null, retryAfterMs: null, recognised: true };
  const verdict = classifyAnswer({
    status,
    headers,
    error,
    providerKind: "openai",
    dialect: "",
    idInPath: false,
    retryAfterMax: 3000,
    needTokens: 10,
    wall: 0,
  });
  const body = Buffer.from(JSON.stringify({ error: { message, code } }));
  return {
    note: note(target),
    why: trouble("answer", message, { status, headers, error, body }),
    verdict,
    speaksCallers,
  };
}

function broke(target: string, cause: Cause, message: string): FailedAttempt {
  const kind = cause === "timeout" ? "first_token_max" : "transport";
  return { note: note(target), why: trouble(kind, message), verdict: verdictOf(cause), speaksCallers: true };
}

function told(...attempts: FailedAttempt[]) {
  const { failure, body } = composeFailure(attempts);
  const { status, code, message, retryAfterMs, noRetry } = failure;
  return { status, code, message, retryAfterMs, noRetry, body: body?.toString() ?? null };
}

describe("a failure of all targets", () => {
  test("of different kinds is a 502 that lists target, cause and status of each", () => {
    const { status, code, message, noRetry } = told(
      answered("a/x", 500, { message: "boom" }),
      broke("b/y", "connect", "connection refused"),
    );
    assert.deepEqual([status, code, noRetry], [502, "upstream_error", true]);
    assert.equal(
      message,
      "all targets failed: a/x: boom (server_error, status 500); b/y: connection refused (connect)",
    );
  });

  test("with the same answer is that answer", () => {
    const both = told(answered("a/x", 500), answered("b/y", 500, { message: "second" }));
    assert.deepEqual([both.status, both.message], [500, "second"]);
    assert.equal(told(answered("a/x", 500), answered("b/y", 502)).status, 502);
  });

  test("by rate limits is a 429 with the smallest wait", () => {
    const both = told(answered("a/x", 429, { retryAfter: "20" }), answered("b/y", 429, { retryAfter: "7" }));
    assert.deepEqual([both.status, both.code, both.retryAfterMs], [429, "rate_limit_exceeded", 7000]);
    assert.equal(told(answered("a/x", 429, { retryAfter: "600" })).retryAfterMs, 600_000);
    assert.equal(told(answered("a/x", 429)).retryAfterMs, 30_000);
  });

  test("by credentials is a 502 that does not repeat what was said of the key", () => {
    for (const status of [401, 403]) {
      const got = told(
        answered("a/x", status, { message: "Incorrect API key provided: sk-abcd", code: "invalid_api_key" }),
      );
      assert.deepEqual(
        [got.status, got.code, got.noRetry, got.body],
        [502, "upstream_auth_error", true, null],
      );
      assert.doesNotMatch(got.message, /sk-abcd/);
    }
  });

  test("by deadlines is a 504 that says which", () => {
    const got = told(broke("a/x", "timeout", "no content within 180 s (timeouts.first_token_max)"));
    assert.deepEqual([got.status, got.code], [504, "upstream_timeout"]);
    assert.match(got.message, /timeouts\.first_token_max/);
  });

  test("by an unreadable answer says so", () => {
    assert.equal(told(broke("a/x", "error_answer", "the body is not JSON")).code, "bad_upstream_response");
  });
});

describe("a 4xx about the request", () => {
  test("is relayed byte by byte where the upstream speaks the caller's protocol", () => {
    const got = told(answered("a/x", 422, { message: "bad tool", speaksCallers: true }));
    assert.deepEqual([got.status, got.body], [422, '{"error":{"message":"bad tool","code":""}}']);
  });

  test("keeps status and message in the caller's form elsewhere", () => {
    const got = told(answered("a/x", 422, { message: "bad tool" }));
    assert.deepEqual([got.status, got.message, got.body], [422, "bad tool", null]);
  });

  test("decides whatever failed before it", () => {
    const got = told(
      broke("a/x", "connect", "refused"),
      answered("b/y", 400, { message: "bad", code: "invalid_value" }),
    );
    assert.deepEqual([got.status, got.code, got.message], [400, "invalid_value", "bad"]);
  });

  test("of a context too long keeps the code that clients know", () => {
    const got = told(
      answered("a/x", 400, { message: "prompt is too long", code: "context_length_exceeded" }),
    );
    assert.deepEqual([got.status, got.code], [400, "context_length_exceeded"]);
  });
});
