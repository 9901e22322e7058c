/** What throws while an answer is handled ends that answer: no input is known that does it, so readers that throw stand in. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import type { AnswerReader } from "../../src/gateway/answer-reader.ts";
import { Attempt, type AttemptOwner } from "../../src/gateway/attempt.ts";
import type { PreparedSend } from "../../src/gateway/plan.ts";
import type { Target } from "../../src/gateway/target.ts";
import { createMemoryBudget } from "../../src/limits/memory.ts";
import { fakeTime } from "../support/fake-time.ts";

const HEAD = { status: 200, headers: ["content-type", "text/event-stream"] };
const THROWN = new Error("a defect");

function throws(): never {
  throw THROWN;
}
const QUIET: AnswerReader = { usage: null, data() {}, end() {}, deliver() {} };

/** An attempt whose answer goes to this reader, and what its owner heard. */
function begin(createReader: PreparedSend["createReader"]): { attempt: Attempt; heard: unknown[] } {
  const heard: unknown[] = [];
  const owner: AttemptOwner = {
    onHead() {},
    onContent() {},
    onLate() {},
    onComplete: () => heard.push("complete"),
    onBroken: () => heard.push("broken"),
    onFailed: (_attempt, why) => heard.push(`${why.kind}: ${why.message}`),
    onFault: (_attempt, thrown) => heard.push(thrown),
  };
  const timeouts = {
    connect: 1,
    firstToken: 0,
    firstTokenMax: 0,
    idle: 0,
    contentIdle: 0,
    answer: 0,
    total: 0,
  };
  const target = { timeouts } as unknown as Target;
  const prepared = { stream: true, createReader } as unknown as PreparedSend;
  const time = fakeTime();
  return {
    attempt: new Attempt(owner, time, createMemoryBudget(1 << 20), target, prepared, 1, false, 0),
    heard,
  };
}
const FAULT = [THROWN, "not_its_type: the gateway could not handle the answer (an internal error)"];

test("a reader that cannot be made fails the attempt", () => {
  const { attempt, heard } = begin(throws);
  attempt.onHead(HEAD);
  assert.deepEqual(heard, FAULT);
});

test("a piece that throws fails the attempt, and the next ones are nobody's", () => {
  const { attempt, heard } = begin(() => ({ ...QUIET, data: throws }));
  attempt.onHead(HEAD);
  attempt.onData(Buffer.from("data: {}\n\n"));
  attempt.onData(Buffer.from("data: {}\n\n"));
  assert.deepEqual(heard, FAULT);
});

test("an end that throws fails the attempt", () => {
  const { attempt, heard } = begin(() => ({ ...QUIET, end: throws }));
  attempt.onHead(HEAD);
  attempt.onEnd(true);
  assert.deepEqual(heard, FAULT);
});

test("so does what was unpacked", async () => {
  let onUnpacked = () => {};
  const unpacked = new Promise<void>((resolve) => {
    onUnpacked = () => setImmediate(resolve);
  });
  const { attempt, heard } = begin(() => ({
    ...QUIET,
    data() {
      onUnpacked();
      throw THROWN;
    },
  }));
  attempt.onHead({ status: 200, headers: [...HEAD.headers, "content-encoding", "gzip"] });
  attempt.onData(gzipSync("data: {}\n\n"));
  await unpacked;
  assert.deepEqual(heard, FAULT);
});
