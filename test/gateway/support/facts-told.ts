/** All that is read of a request's body, as one comparable value. */
import assert from "node:assert/strict";
import { Failure } from "../../../src/base/failure.ts";
import { type RequestFacts, readConversation } from "../../../src/gateway/request-facts.ts";

/** What a frame is known by is no fact of the body. */
export function told(body: Buffer, read: (body: Buffer) => RequestFacts): unknown {
  return attempt(() => {
    const facts = read(body);
    const { scan, turns, model, stream, maxTokens, streamOptions, tools, jsonSchema, promptCacheKey } = facts;
    const conversation = attempt(() => readConversation(body, facts));
    const unfinished = turns?.unfinished;
    const rest = { model, stream, maxTokens, streamOptions, tools, jsonSchema, promptCacheKey };
    return { scan, turns, unfinished, rest, conversation };
  });
}

/** What it returns, or what the caller is told instead. */
function attempt(read: () => unknown): unknown {
  try {
    return read();
  } catch (error) {
    assert.ok(error instanceof Failure);
    return `${error.code}: ${error.message}`;
  }
}
