/** What an observer reads an answer with: it waits for the first content and holds nothing of the request (30-routing.md, observers). */
import { headerValue } from "../base/headers.ts";
import type { ChatProtocol } from "../protocols/protocol.ts";
import type { ResponseHead } from "../upstream/client.ts";
import type { AnswerReader } from "./answer-reader.ts";
import type { Attempt } from "./attempt.ts";
import { RelayStream } from "./relay-stream.ts";
import { WholeAnswer } from "./whole-answer.ts";

/** Made here, so that the reader's closures hold the protocol and nothing of what asked for it. */
export function watchWith(
  protocol: ChatProtocol,
  jsonArray: boolean,
): (attempt: Attempt, head: ResponseHead) => AnswerReader {
  return (attempt, head) => {
    const type = headerValue(head.headers, "content-type");
    if (type.includes("application/json") && !jsonArray) {
      return new WholeAnswer(attempt, {
        holdBytes: 0,
        mustHold: false,
        json: true,
        decodeError: protocol.decodeError,
        readUsage: protocol.readUsage,
        read: () => () => {},
        start() {},
      });
    }
    return new RelayStream(attempt, {
      framing: jsonArray ? "json-array" : type.includes("ndjson") ? "ndjson" : protocol.framing,
      inspector: protocol.createInspector({ keepText: 0 }),
      showUsage: false,
      echoModel: "",
      terminator: "",
      unheld: true,
      onDelivered() {},
      start() {},
    });
  };
}
