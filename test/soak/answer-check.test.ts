/** The soak's clients see an answer that is whole, and every way in which one is not. */
import { equal } from "node:assert/strict";
import { test } from "node:test";
import { sse } from "../support/answers.ts";
import { openaiChatEvents, openaiCompletion } from "../support/openai-answers.ts";
import { AnswerCheck, type End } from "./answer-check.ts";
import { wordOf } from "./contract.ts";

const JSON_TYPE = "application/json";
const STREAM_TYPE = "text/event-stream; charset=utf-8";
const textOf = (words: readonly number[], request = 7) =>
  words.map((word) => wordOf(request, word)).join(" ");
const whole = (text: string) => JSON.stringify(openaiCompletion({ text }));
const stream = (text: string, done = true) => openaiChatEvents({ text, done, finishChunk: done }).join("");
const ERROR = sse({ error: { message: "the stream broke", type: "server_error" } });

/** How an answer of three words to request 7 ends, read in pieces of so many bytes. */
function endOf(
  answer: string,
  { status = 200, type = JSON_TYPE, isComplete = true, bytes = 1 << 20 } = {},
): End {
  const check = new AnswerCheck(7);
  const whole = Buffer.from(answer);
  for (let at = 0; at < whole.length; at += bytes) check.feed(whole.subarray(at, at + bytes));
  return check.end(status, type, 3, isComplete);
}

for (const bytes of [1, 2, 7, 64, 1 << 20]) {
  test(`in pieces of ${bytes} bytes: all words of an answer, and its end`, () => {
    equal(endOf(whole(textOf([0, 1, 2])), { bytes }), "whole");
    equal(endOf(stream(textOf([0, 1, 2])), { bytes, type: STREAM_TYPE }), "whole");
  });

  test(`in pieces of ${bytes} bytes: words of another answer, missing, or twice`, () => {
    equal(endOf(whole(textOf([0, 1, 2], 8)), { bytes }), "wrong");
    equal(endOf(whole(textOf([0, 2])), { bytes }), "wrong");
    equal(endOf(whole(textOf([0, 1])), { bytes }), "wrong");
    equal(endOf(stream(textOf([0, 1, 1, 2])), { bytes, type: STREAM_TYPE }), "wrong");
  });
}

test("a stream without its end is cut, one that tells of an error is not", () => {
  equal(endOf(stream(textOf([0, 1]), false), { type: STREAM_TYPE }), "cut");
  equal(endOf(stream(textOf([0, 1]), false) + ERROR, { type: STREAM_TYPE }), "error");
  equal(endOf(`${ERROR}data: [DONE]\n\n`, { type: STREAM_TYPE }), "wrong");
});

test("an answer whose connection broke is cut, whatever came of it", () => {
  equal(endOf(whole(textOf([0, 1, 2])), { isComplete: false }), "cut");
  equal(endOf("", { isComplete: false }), "cut");
});

test("an error status says so in its body", () => {
  equal(endOf('{"error":{"message":"no"}}', { status: 502 }), "error");
  equal(endOf("", { status: 502 }), "cut");
});
