/** Requests go out at the end of the turn; what happens to a connection until then. */
import assert from "node:assert/strict";
import { once } from "node:events";
import net, { type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { TLSSocket } from "node:tls";
import { createSystemTime } from "../../src/base/system-time.ts";
import type { TurnWriter } from "../../src/base/write-turn.ts";
import { Call } from "../../src/upstream/call.ts";
import { Connection } from "../../src/upstream/connection.ts";
import type { Network } from "../../src/upstream/dial.ts";
import { originOf } from "../../src/upstream/origin.ts";
import { WriteBuffer } from "../../src/upstream/request-body.ts";
import { originHead } from "../../src/upstream/request-head.ts";
import { HeadScanners } from "../../src/upstream/response-parser.ts";
import { answer } from "../support/answers.ts";
import { requestFor } from "../support/upstream-call.ts";
import { stage } from "./stage.ts";

test("a call that is aborted in the turn it was sent in never reaches the server", async (t) => {
  const { ask, upstream, origin } = await stage(t, answer({ body: "ok" }));
  await ask(origin);
  void ask(origin, { body: "unwanted", onCall: (call) => call.abort() });
  const outcome = await ask(origin, { body: "wanted" });
  assert.equal(outcome.failure, null);
  assert.deepEqual(
    upstream.requests.map((request) => request.body.toString()),
    ["", "wanted"],
  );
});

test("what a kept connection says before the request is out is no answer to it: the request goes elsewhere", async (t) => {
  const { connection, call, seen, writers, say } = await openConnection(t);
  connection.send(call());
  writers.shift()?.writeNow();
  say(ANSWER);
  assert.deepEqual(seen, ["head", "data hello", "released", "end"]);

  seen.length = 0;
  connection.send(call());
  say(ANSWER);
  assert.deepEqual(seen, ["gone by server", "resend"]);
  writers.shift()?.writeNow();
  assert.deepEqual(seen, ["gone by server", "resend"]);
});

test("over TLS a small request may be answered before Node tells that it is out: the next one looks, and goes elsewhere if it is still not", async (t) => {
  for (const told of [true, false]) {
    const { connection, socket, call, seen, writers, say } = await openConnection(t, true);
    let waiting = 0;
    Object.defineProperty(socket, "writableLength", { get: () => waiting });
    connection.send(call("x"));
    assert.equal(writers.length, 1, "it goes out at the end of the turn");
    writers.shift()?.writeNow();
    waiting = 100;
    say(ANSWER);
    assert.deepEqual(seen, ["head", "data hello", "released", "end"]);
    seen.length = 0;
    const next = call("y");
    connection.send(next);
    if (told) waiting = 0;
    writers.shift()?.writeNow();
    assert.deepEqual(seen, told ? [] : ["gone by server", "resend"]);
    assert.equal(next.connection, told ? connection : null);
  }
});

test("over TLS a larger request goes out at once, and its connection does not serve again before it is out", async (t) => {
  for (const body of ["x".repeat(8192), "x".repeat(100_000), null]) {
    const { connection, call, seen, writers, say } = await openConnection(t, true);
    connection.send(call(body));
    assert.equal(writers.length, 0);
    assert.equal(connection.sent, body?.length === 8192, "copied, or not");
    say(ANSWER);
    assert.deepEqual(seen, ["head", "data hello", body?.length === 8192 ? "released" : "gone", "end"]);
  }
});

const ANSWER = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";

/** A connection with a server that never answers; `say` stands in for it. With TLS nothing ever gets out. */
async function openConnection(t: TestContext, withTls = false) {
  const held: Socket[] = [];
  const server = net.createServer((socket) => held.push(socket)).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as net.AddressInfo;
  const wire = net.connect(port, "127.0.0.1");
  const socket = withTls ? new TLSSocket(wire) : wire;
  t.after(() => {
    socket.destroy();
    wire.destroy();
    for (const each of held) each.destroy();
    server.close();
  });
  await once(wire, "connect");

  const origin = originOf(`http://127.0.0.1:${port}`);
  const time = createSystemTime();
  const writers: TurnWriter[] = [];
  const network = {
    time,
    writeBuffer: new WriteBuffer(),
    turn: { add: (writer) => writers.push(writer) },
  } satisfies Partial<Network>;
  const seen: string[] = [];
  const connection = new Connection(
    socket,
    {
      head: originHead(origin),
      scanners: new HeadScanners(),
      spent: () => assert.fail("no body was released"),
      released: () => seen.push("released"),
      gone: (_connection, byServer) => seen.push(byServer ? "gone by server" : "gone"),
      resend: () => seen.push("resend"),
    },
    network as unknown as Network,
  );
  const handler = {
    onHead: () => seen.push("head"),
    onData: (view: Buffer) => seen.push(`data ${view}`),
    onEnd: () => seen.push("end"),
    onFail: () => seen.push("fail"),
  };
  return {
    connection,
    seen,
    writers,
    socket,
    call: (body: string | null = null) =>
      new Call(requestFor(origin, { body }), handler, Number.POSITIVE_INFINITY, { withdraw() {} }),
    say: (text: string) => connection.receive(Buffer.from(text), text.length),
  };
}
