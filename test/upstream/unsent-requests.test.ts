/** Requests go out at the end of the turn; what happens to a connection until then. */
import assert from "node:assert/strict";
import { once } from "node:events";
import net, { type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { createSystemTime } from "../../src/base/system-time.ts";
import type { TurnWriter } from "../../src/base/write-turn.ts";
import { Call } from "../../src/upstream/call.ts";
import { Connection } from "../../src/upstream/connection.ts";
import type { Network } from "../../src/upstream/dial.ts";
import { originOf } from "../../src/upstream/origin.ts";
import { createWriteBuffer } from "../../src/upstream/request-body.ts";
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
  const answerBytes = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";
  connection.send(call());
  writers.shift()?.writeNow();
  say(answerBytes);
  assert.deepEqual(seen, ["head", "data hello", "released", "end"]);

  seen.length = 0;
  connection.send(call());
  say(answerBytes);
  assert.deepEqual(seen, ["gone by server", "resend"]);
  writers.shift()?.writeNow();
  assert.deepEqual(seen, ["gone by server", "resend"]);
});

/** A connection with a server that never answers; `say` stands in for it. */
async function openConnection(t: TestContext) {
  const held: Socket[] = [];
  const server = net.createServer((socket) => held.push(socket)).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as net.AddressInfo;
  const socket = net.connect(port, "127.0.0.1");
  t.after(() => {
    socket.destroy();
    for (const each of held) each.destroy();
    server.close();
  });
  await once(socket, "connect");

  const origin = originOf(`http://127.0.0.1:${port}`);
  const time = createSystemTime();
  const writers: TurnWriter[] = [];
  const network = {
    time,
    writeBuffer: createWriteBuffer(),
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
    call: () => new Call(requestFor(origin), handler, Number.POSITIVE_INFINITY, { withdraw() {} }),
    say: (text: string) => connection.receive(Buffer.from(text), text.length),
  };
}
