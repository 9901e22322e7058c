/** Feeds bytes to the response parser and writes down everything that comes out, as one comparable value. */
import { HeadScanners, ResponseParser, type ResponseSink } from "../../src/upstream/response-parser.ts";

export interface Parsed {
  readonly status: number;
  readonly headers: readonly string[];
  readonly body: string;
  /** `done`, `cut` (more was to come), `open` (ends with the connection), or the refusal. */
  readonly end: string;
  readonly surplus: boolean;
  readonly keepAlive: boolean;
}

/** `pieces` are copied first: the parser moves bytes about. `scanners` may know heads already. */
export function parse(pieces: readonly Buffer[], head = false, scanners = new HeadScanners()): Parsed {
  let status = 0;
  let headers: readonly string[] = [];
  const body: Buffer[] = [];
  const sink: ResponseSink = {
    onHead(code, list) {
      status = code;
      headers = list;
    },
    onBody: (bytes, start, end) => body.push(Buffer.from(bytes.subarray(start, end))),
  };
  const parser = new ResponseParser(sink, scanners);
  parser.begin(head);
  let end = "";
  let surplus = false;
  for (const piece of pieces) {
    if (end !== "") {
      // the connection drops what comes after a complete answer; after a refusal it is gone
      surplus ||= end === "done" && piece.length > 0;
      continue;
    }
    const state = parser.feed(Buffer.from(piece), piece.length);
    if (state === "done") {
      end = "done";
      surplus = parser.surplus;
    }
    if (state === "refused") end = parser.refusal;
  }
  if (end === "") end = parser.endsWithConnection ? "open" : "cut";
  const keepAlive = end === "done" && parser.keepAlive;
  return { status, headers, body: Buffer.concat(body).toString("latin1"), end, surplus, keepAlive };
}

/** Cut in two at `at`. */
export function split(bytes: Buffer, at: number): Buffer[] {
  return [bytes.subarray(0, at), bytes.subarray(at)];
}
