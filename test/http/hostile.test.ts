/**
 * Hostile and odd bytes, as tried on both engines: what uWebSockets.js 20.57 does behind our checks, and what node:http
 * does. `held` = no answer yet and the connection open: ended later by the head, body or stall limits (stall.test).
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { EngineKind } from "../../src/http/engine.ts";
import { ENGINES, startEngine } from "./support/engines.ts";
import { type RawAnswer, sendRaw } from "./support/raw-client.ts";

interface Row {
  readonly name: string;
  readonly send: string | readonly string[];
  /** Statuses that come back and how it ends: `400 closed`, `200 open`, `held`, `closed`. */
  readonly native: string;
  readonly node: string;
}

const GET = "GET /v1/b HTTP/1.1\r\nHost: h\r\n";
const POST = "POST /v1/b HTTP/1.1\r\nHost: h\r\n";
const ROUTED = "POST /b HTTP/1.1\r\nHost: h\r\n";
const CHUNKED = `${POST}Transfer-Encoding: chunked\r\n\r\n`;
const REFUSED = { native: "400 closed", node: "400 closed" };
const SERVED = { native: "200 open", node: "200 open" };

const length = (value: string, outcome: Pick<Row, "native" | "node">): Row => ({
  name: `Content-Length: ${value}`,
  send: `${POST}Content-Length: ${value}\r\n\r\nhello`,
  ...outcome,
});
const coding = (value: string, outcome: Pick<Row, "native" | "node">): Row => ({
  name: `Transfer-Encoding: ${value}`,
  send: `${POST}Transfer-Encoding: ${value}\r\n\r\n5\r\nhello\r\n0\r\n\r\n`,
  ...outcome,
});
const chunk = (size: string, native: string, node: string): Row => ({
  name: `chunk size ${JSON.stringify(size)}`,
  send: `${CHUNKED}${size}\r\nhello\r\n0\r\n\r\n`,
  native,
  node,
});
const headers = (count: number) => Array.from({ length: count }, (_, i) => `x-${i}: 1\r\n`).join("");

const ROWS: readonly Row[] = [
  // Framing: one message must not be readable in two ways.
  {
    name: "Content-Length and Transfer-Encoding",
    send: `${POST}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    ...REFUSED,
  },
  ...["-1", "+5", "5abc", "1e3", "0x5", "5, 5", "", "99999999999999999999"].map((value) =>
    length(value, REFUSED),
  ),
  length(" 5", SERVED),
  length("12345678901", { native: "held", node: "held" }),
  ...[
    ["5", "10"],
    ["10", "5"],
    ["5", "1000000"],
    ["5", "5"],
  ].flatMap(([first, second]) =>
    [POST, ROUTED].map((head) => ({
      name: `Content-Length ${first} then ${second} on ${head.split(" ")[1]}`,
      send: `${head}Content-Length: ${first}\r\nContent-Length: ${second}\r\n\r\nhellohello`,
      ...REFUSED,
    })),
  ),
  {
    name: "two Content-Lengths before a body that is there",
    send: `${ROUTED}Content-Length: 90000\r\nContent-Length: 5\r\n\r\n${"x".repeat(90000)}`,
    ...REFUSED,
  },
  {
    name: "a gzip coding before chunks that are there",
    send: `${ROUTED}Transfer-Encoding: gzip\r\n\r\n15f90\r\n${"x".repeat(90000)}\r\n0\r\n\r\n`,
    ...REFUSED,
  },
  coding("Chunked", SERVED),
  ...["gzip, chunked", "chunked, chunked", "identity", "chunked;x=1", "xchunked"].map((value) =>
    coding(value, REFUSED),
  ),
  {
    name: "Transfer-Encoding twice",
    send: `${POST}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    ...REFUSED,
  },
  chunk("FFFFFFFF", "held", "held"),
  chunk("3FFFFFFF", "held", "held"),
  chunk("FFFFFFFFFFFFFFFFFF", "400 closed", "400 closed"),
  chunk("-5", "400 closed", "400 closed"),
  chunk("0x5", "400 closed", "400 closed"),
  chunk("G", "held", "400 closed"),
  chunk("5 ", "200 open", "400 closed"),
  chunk(" 5", "200 open", "400 closed"),
  chunk("5;a=b", "held", "200 open"),
  chunk("00000000000005", "200 open", "200 open"),
  {
    name: "no CRLF after a chunk",
    send: `${CHUNKED}5\r\nhello0\r\n\r\n`,
    native: "200 open",
    node: "400 closed",
  },
  { name: "bare LF in chunks", send: `${CHUNKED}5\nhello\n0\n\n`, native: "200 open", node: "400 closed" },
  {
    name: "trailers",
    send: `${CHUNKED}5\r\nhello\r\n0\r\nX-T: 1\r\n\r\n`,
    native: "505 closed",
    node: "200 open",
  },
  {
    name: "two requests in one, the second where trailers would be",
    send: `${CHUNKED}0\r\n${GET}\r\n`,
    native: "200,200 open",
    node: "400 closed",
  },
  {
    name: "a chunk extension of 20 KB",
    send: `${CHUNKED}5;${"a".repeat(20000)}\r\nhello\r\n0\r\n\r\n`,
    ...REFUSED,
  },
  {
    name: "a chunk size behind 100,000 zeros",
    send: `${CHUNKED}${"0".repeat(100000)}5\r\nhello\r\n0\r\n\r\n`,
    ...SERVED,
  },
  { name: "5,000 chunks of a byte", send: `${CHUNKED}${"1\r\na\r\n".repeat(5000)}0\r\n\r\n`, ...SERVED },
  {
    name: "a vertical tab before a coding",
    send: `${POST}Transfer-Encoding:\x0bchunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n`,
    ...REFUSED,
  },
  {
    name: "a vertical tab before a length",
    send: `${POST}Content-Length:\x0b5\r\n\r\nhello`,
    ...REFUSED,
  },
  {
    name: "a tab before the colon of a length",
    send: `${POST}Content-Length\t: 5\r\n\r\nhello`,
    ...REFUSED,
  },
  {
    name: "Transfer_Encoding, which is another header, beside a length",
    send: `${POST}Transfer_Encoding: chunked\r\nContent-Length: 5\r\n\r\nhello`,
    ...SERVED,
  },
  {
    name: "a length that Connection names",
    send: `${POST}Connection: content-length\r\nContent-Length: 5\r\n\r\nhello`,
    ...SERVED,
  },
  { name: "a body of a GET", send: `${GET}Content-Length: 5\r\n\r\nhello`, ...SERVED },
  {
    name: "bytes behind a body that are no request",
    send: `${POST}Content-Length: 5\r\n\r\nhello${"x".repeat(100)}\r\n\r\n`,
    native: "200 open",
    node: "400 closed",
  },
  // The request line.
  { name: "HTTP/0.9", send: "GET /v1/b\r\n\r\n", native: "505 closed", node: "505 closed" },
  {
    name: "a byte order mark first",
    send: `\xef\xbb\xbf${GET}\r\n`,
    native: "505 closed",
    node: "400 closed",
  },
  {
    name: "a method in small letters",
    send: `${GET.replace("GET", "get")}\r\n`,
    native: "200 open",
    node: "400 closed",
  },
  {
    name: "escapes of dots, of nothing and of no byte in the path",
    send: "GET /v1/%2e%2e/%00/%zz% HTTP/1.1\r\nHost: h\r\n\r\n",
    ...SERVED,
  },
  {
    name: "a path of 100 KB",
    send: `GET /v1/${"b".repeat(100000)} HTTP/1.1\r\nHost: h\r\n\r\n`,
    native: "431 closed",
    node: "431 closed",
  },
  {
    name: "bare LF in the head",
    send: "GET /v1/b HTTP/1.1\nHost: h\n\n",
    native: "505 closed",
    node: "400 closed",
  },
  {
    name: "HTTP/1.0",
    send: "GET /v1/b HTTP/1.0\r\nHost: h\r\n\r\n",
    native: "505 closed",
    node: "200 closed",
  },
  {
    name: "HTTP/1.2",
    send: "GET /v1/b HTTP/1.2\r\nHost: h\r\n\r\n",
    native: "505 closed",
    node: "400 closed",
  },
  {
    name: "HTTP/2.0",
    send: "GET /v1/b HTTP/2.0\r\nHost: h\r\n\r\n",
    native: "505 closed",
    node: "505 closed",
  },
  {
    name: "absolute-form",
    send: "GET http://h/v1/b?x HTTP/1.1\r\nHost: h\r\n\r\n",
    native: "505 closed",
    node: "200 open",
  },
  {
    name: "OPTIONS *",
    send: "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n",
    native: "505 closed",
    node: "200 open",
  },
  {
    name: "CONNECT",
    send: "CONNECT h:443 HTTP/1.1\r\nHost: h\r\n\r\n",
    native: "505 closed",
    node: "501 closed",
  },
  { name: "a blank line first", send: `\r\n${GET}\r\n`, native: "held", node: "200 open" },
  {
    name: "a TLS hello",
    send: `\x16\x03\x01\0\xa5\x01\0\0\xa1\x03\x03${"\0".repeat(160)}`,
    native: "505 closed",
    node: "400 closed",
  },
  {
    name: "the HTTP/2 preface",
    send: "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    native: "505 closed",
    node: "400 closed",
  },
  {
    name: "a space in the path",
    send: "GET /v1/ b HTTP/1.1\r\nHost: h\r\n\r\n",
    native: "505 closed",
    node: "400 closed",
  },
  { name: "a raw high byte in the path", send: "GET /v1/\xe9 HTTP/1.1\r\nHost: h\r\n\r\n", ...REFUSED },
  { name: "a raw high byte in the query", send: "GET /v1/b?\xe9 HTTP/1.1\r\nHost: h\r\n\r\n", ...REFUSED },
  {
    name: "a control byte in the path",
    send: "GET /v1/\x01 HTTP/1.1\r\nHost: h\r\n\r\n",
    native: "505 closed",
    node: "400 closed",
  },
  { name: "a path of 20 KB", send: `GET /v1/${"b".repeat(20000)} HTTP/1.1\r\nHost: h\r\n\r\n`, ...SERVED },
  {
    name: "an unknown method",
    send: "BREW /v1/b HTTP/1.1\r\nHost: h\r\n\r\n",
    native: "200 open",
    node: "400 closed",
  },
  {
    name: "PROXY protocol, text",
    send: `PROXY TCP4 9.9.9.9 8.8.8.8 1 2\r\n${GET}\r\n`,
    native: "505 closed",
    node: "400 closed",
  },
  {
    name: "PROXY protocol, binary: the peer stays the real one",
    send: `\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x09\x09\x09\x09\x08\x08\x08\x08\0\x01\0\x02${GET}\r\n`,
    native: "200 open",
    node: "400 closed",
  },
  // Headers.
  { name: "a name with an underscore", send: `${GET}x_y: 1\r\n\r\n`, ...SERVED },
  { name: "a name with a dot", send: `${GET}x.y: 1\r\n\r\n`, ...SERVED },
  { name: "a space before the colon", send: `${GET}x : 1\r\n\r\n`, ...REFUSED },
  { name: "NUL in a value", send: `${GET}x: a\0b\r\n\r\n`, ...REFUSED },
  { name: "a bare CR in a value", send: `${GET}x: a\rb\r\n\r\n`, native: "held", node: "400 closed" },
  { name: "a folded value", send: `${GET}x: a\r\n b\r\n\r\n`, ...REFUSED },
  { name: "an empty name", send: `${GET}: x\r\n\r\n`, native: "200 open", node: "400 closed" },
  { name: "no colon", send: `${GET}abc\r\n\r\n`, ...REFUSED },
  { name: "60 headers", send: `${GET}${headers(60)}\r\n`, ...SERVED },
  { name: "120 headers", send: `${GET}${headers(120)}\r\n`, native: "431 closed", node: "200 open" },
  { name: "a header of 5 KB", send: `${GET}x: ${"a".repeat(5000)}\r\n\r\n`, ...SERVED },
  {
    name: "a header of 60 KB in two packets",
    send: [`${GET}x: ${"a".repeat(30000)}`, `${"a".repeat(30000)}\r\n\r\n`],
    ...SERVED,
  },
  {
    name: "a header of 100 KB",
    send: `${GET}x: ${"a".repeat(100000)}\r\n\r\n`,
    native: "431 closed",
    node: "431 closed",
  },
  {
    name: "a header of 100 KB in two packets",
    send: [`${GET}x: ${"a".repeat(50000)}`, `${"a".repeat(50000)}\r\n\r\n`],
    native: "431 closed",
    node: "431 closed",
  },
  { name: "DEL in a value", send: `${GET}x: a\x7fb\r\n\r\n`, native: "200 open", node: "400 closed" },
  { name: "an empty Host", send: "GET /v1/b HTTP/1.1\r\nHost:\r\n\r\n", ...SERVED },
  {
    name: "a second Host behind 60 headers",
    send: `${GET}${headers(60)}Host: i\r\n\r\n`,
    ...REFUSED,
  },
  { name: "no Host", send: "GET /v1/b HTTP/1.1\r\n\r\n", ...REFUSED },
  { name: "two Hosts", send: `${GET}Host: i\r\n\r\n`, ...REFUSED },
  {
    name: "Expect: something else",
    send: `${POST}Expect: tea\r\nContent-Length: 2\r\n\r\nab`,
    native: "200 open",
    node: "417 closed",
  },
  // Upgrades.
  {
    name: "a WebSocket",
    send: `${GET}Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n`,
    native: "501 closed",
    node: "501 closed",
  },
  {
    name: "an offer of h2c is ignored",
    send: `${GET}Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AA\r\n\r\n`,
    ...SERVED,
  },
  // More than one request.
  {
    name: "pipelined, answered at once",
    send: `${GET}\r\n${GET}\r\n`,
    native: "200,200 open",
    node: "200,200 open",
  },
  {
    name: "pipelined while the first is pending",
    send: `${GET.replace("/b", "/slow")}\r\n${GET}\r\n`,
    native: "closed",
    node: "200,200 open",
  },
  {
    name: "a second request while the first is pending",
    send: [`${GET.replace("/b", "/slow")}\r\n`, `${GET}\r\n`],
    native: "closed",
    node: "200,200 open",
  },
];

function summarize(answer: RawAnswer): string {
  const text = answer.bytes.toString("latin1");
  const statuses = (text.match(/HTTP\/1\.1 \d{3}/g) ?? []).map((line) => line.slice(9)).join();
  const ending = answer.outcome === "open" ? "open" : "closed";
  if (statuses !== "") return `${statuses} ${ending}`;
  return ending === "open" ? "held" : "closed";
}

async function runAll(kind: EngineKind, cleanups: (() => void)[]) {
  const peers = new Set<string>();
  const running = await startEngine(
    { after: (stop: () => void) => cleanups.push(stop) } as never,
    kind,
    (exchange) => {
      exchange.listen({ onAbort() {}, onDrain() {} });
      peers.add(exchange.peer.address);
      exchange.receive({
        onChunk(_chunk, last) {
          if (!last) return;
          if (exchange.path.endsWith("slow")) setTimeout(() => exchange.respond(200, [], "slow"), 250);
          else exchange.respond(200, [], "ok");
        },
      });
    },
  );
  const send = (row: Row) => {
    const pieces = (typeof row.send === "string" ? [row.send] : row.send).map((piece) =>
      Buffer.from(piece, "latin1"),
    );
    return sendRaw(running.port, pieces, { withinMs: 2500, gapMs: 60 });
  };
  const outcomes = await Promise.all(
    ROWS.map(async (row) => [row.name, summarize(await send(row))] as const),
  );
  const many = await sendRaw(running.port, `${GET}\r\n`.repeat(1000), {
    withinMs: 20_000,
    until: (bytes) => bytes.toString("latin1").split("HTTP/1.1 200 OK").length > 1000,
  });
  const still = await sendRaw(running.port, `${GET}\r\n`, { until: (bytes) => bytes.includes("ok") });
  const pipelined = summarize(many).split(",").length;
  return { outcomes: new Map(outcomes), pipelined, still: summarize(still), errors: running.errors, peers };
}

for (const kind of ENGINES) {
  describe(`${kind}: hostile bytes`, () => {
    let results: Awaited<ReturnType<typeof runAll>>;
    const cleanups: (() => void)[] = [];
    before(async () => {
      results = await runAll(kind, cleanups);
    });
    after(() => {
      for (const stop of cleanups) stop();
    });
    for (const row of ROWS) {
      const expected = kind === "node" ? row.node : row.native;
      test(`${row.name}: ${expected}`, () => assert.equal(results.outcomes.get(row.name), expected));
    }
    test("each of 1,000 pipelined requests is answered", () => assert.equal(results.pipelined, 1000));
    test("after all of it the next request is served and no handler threw", () => {
      assert.equal(results.still, "200 open");
      assert.deepEqual(results.errors, []);
      assert.deepEqual([...results.peers], ["127.0.0.1"]);
    });
  });
}
