/** Listening, connection limits, draining and rebinding, on both engines. */
import assert from "node:assert/strict";
import { connect, createServer, type Socket } from "node:net";
import { networkInterfaces } from "node:os";
import { test } from "node:test";
import { parseAddress } from "../../src/base/net.ts";
import { countConnections, createEstimatingCounter } from "../../src/http/connections.ts";
import type { Exchange } from "../../src/http/exchange.ts";
import { ENGINES, LIMITS, startEngine } from "./support/engines.ts";
import { bodyOf, headOf, sendRaw, statusOf } from "./support/raw-client.ts";
import { realTime } from "./support/real-time.ts";

const GET = "GET /v1/x HTTP/1.1\r\nHost: h\r\n\r\n";
const hasIPv6 = Object.values(networkInterfaces()).some((list) =>
  list?.some(({ address }) => address === "::1"),
);
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

function ok(exchange: Exchange): void {
  exchange.listen({ onAbort() {}, onDrain() {} });
  exchange.respond(200, [], exchange.peer.address);
}

function open(port: number, host = "127.0.0.1"): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, host, () => resolve(socket));
    socket.on("error", reject);
  });
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

/** One request on an open connection; the bytes that come back within the time. */
async function ask(socket: Socket, request = GET, withinMs = 1000): Promise<Buffer> {
  const pieces: Buffer[] = [];
  const collect = (piece: Buffer) => pieces.push(piece);
  socket.on("data", collect);
  socket.on("error", () => {});
  if (request !== "") socket.write(request);
  for (let i = 0; i < withinMs / 10; i++) {
    await pause(10);
    const bytes = Buffer.concat(pieces);
    if (bodyOf(bytes) !== "" || socket.closed) break;
  }
  socket.off("data", collect);
  return Buffer.concat(pieces);
}

for (const kind of ENGINES) {
  test(`${kind}: a port in use is told with address and reason, and nobody shares it`, async (t) => {
    const { port, engine } = await startEngine(t, kind, ok);
    await assert.rejects(
      engine.listen({ host: "127.0.0.1", bindFamily: "dual", port }, ok),
      (error: Error) => {
        assert.match(
          error.message,
          new RegExp(`cannot listen on 127\\.0\\.0\\.1:${port}: .*in use.*EADDRINUSE`),
        );
        return true;
      },
    );
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
    const taken = (other.address() as { port: number }).port;
    await assert.rejects(engine.listen({ host: "127.0.0.1", bindFamily: "dual", port: taken }, ok), /in use/);
    await assert.rejects(
      engine.listen({ host: "192.0.2.1", bindFamily: "dual", port: 0 }, ok),
      /not one of this device/,
    );
    other.close();
    assert.equal(statusOf((await sendRaw(port, GET, { until: (b) => bodyOf(b) !== "" })).bytes), 200);
  });

  test(`${kind}: bind_family dual takes both families and shows IPv4 peers as IPv4`, async (t) => {
    const { engine } = await startEngine(t, kind, ok);
    const { port, host } = await engine.listen({ host: "", bindFamily: "dual", port: 0 }, ok);
    assert.equal(host, hasIPv6 ? "::" : "0.0.0.0");
    const v4 = await open(port);
    assert.equal(bodyOf(await ask(v4)), "127.0.0.1");
    v4.destroy();
    if (!hasIPv6) return;
    const v6 = await open(port, "::1");
    assert.equal(bodyOf(await ask(v6)), "::1");
    v6.destroy();
  });

  test(`${kind}: bind_family ipv4 and ipv6 take their own family only`, async (t) => {
    const { engine } = await startEngine(t, kind, ok);
    const four = await engine.listen({ host: "", bindFamily: "ipv4", port: 0 }, ok);
    assert.equal(
      bodyOf((await sendRaw(four.port, GET, { until: (b) => bodyOf(b) !== "" })).bytes),
      "127.0.0.1",
    );
    if (!hasIPv6) return;
    const six = await engine.listen({ host: "", bindFamily: "ipv6", port: 0 }, ok);
    const v6 = await open(six.port, "::1");
    assert.equal(bodyOf(await ask(v6)), "::1");
    v6.destroy();
    const { bytes, outcome } = await sendRaw(six.port, GET, { withinMs: 1000 });
    assert.equal(bytes.length, 0);
    assert.notEqual(outcome, "open");
  });

  test(`${kind}: more connections than allowed get 503 and are closed; room comes back`, async (t) => {
    const { port, engine } = await startEngine(t, kind, ok, { limits: { maxConnections: 3 } });
    const sockets = await Promise.all([open(port), open(port), open(port)]);
    await pause(50);
    const refused = await sendRaw(port, GET);
    assert.equal(statusOf(refused.bytes), 503);
    assert.match(headOf(refused.bytes), /retry-after: 1/);
    assert.match(bodyOf(refused.bytes), /too many connections/);
    assert.notEqual(refused.outcome, "open");
    sockets[0]?.destroy();
    await pause(50);
    assert.equal(engine.stats().connections, 2);
    assert.equal(statusOf((await sendRaw(port, GET, { until: (b) => bodyOf(b) !== "" })).bytes), 200);
    engine.setLimits({ ...LIMITS, maxConnections: 1 });
    await pause(50);
    assert.equal(statusOf((await sendRaw(port, GET)).bytes), 503);
    for (const socket of sockets) socket.destroy();
  });

  test(`${kind}: one client has a bound of its own, closed connections do not count, proxies are exempt`, async (t) => {
    const limits = { maxConnectionsPerClient: 3 };
    const { port } = await startEngine(t, kind, ok, { limits });
    for (let i = 0; i < 10; i++) {
      const { bytes } = await sendRaw(port, GET, { until: (b) => bodyOf(b) !== "" });
      assert.equal(statusOf(bytes), 200, `connection ${i}`);
      await pause(110);
    }
    const sockets = await Promise.all([open(port), open(port), open(port)]);
    await pause(110);
    assert.equal(statusOf((await sendRaw(port, GET)).bytes), 503);
    for (const socket of sockets) socket.destroy();
    const exempt = await startEngine(t, kind, ok, { limits, isExempt: (address) => address === "127.0.0.1" });
    const many = await Promise.all(Array.from({ length: 6 }, () => open(exempt.port)));
    for (const socket of many) assert.equal(statusOf(await ask(socket)), 200);
    for (const socket of many) socket.destroy();
  });

  test(`${kind}: a drain lets answers finish, closes idle connections and takes no new ones`, async (t) => {
    let stream: Exchange | null = null;
    const { port, engine } = await startEngine(t, kind, (exchange) => {
      exchange.listen({ onAbort() {}, onDrain() {} });
      if (exchange.path !== "/v1/stream") return exchange.respond(200, [], "ok");
      stream = exchange;
      exchange.start(200, []);
      exchange.write(Buffer.from("first."));
    });
    const busy = await open(port);
    const idle = await open(port);
    await ask(idle);
    await ask(busy, "GET /v1/stream HTTP/1.1\r\nHost: h\r\n\r\n");
    let drained = false;
    const done = engine.drain(5000).then(() => {
      drained = true;
    });
    await pause(50);
    await assert.rejects(open(port), /ECONNREFUSED/);
    const running = stream as unknown as Exchange;
    assert.equal(drained, false);
    assert.equal(running.write(Buffer.from("second.")), true);
    running.end();
    const rest = await ask(busy, "");
    assert.match(rest.toString("latin1"), /second\.\r\n0\r\n\r\n/);
    await done;
    await pause(20);
    assert.deepEqual(engine.stats(), { connections: 0, exchanges: 0 });
    idle.destroy();
    busy.destroy();
  });

  test(`${kind}: on a kept connection a drain answers with connection: close`, async (t) => {
    let held: Exchange | null = null;
    const { port, engine } = await startEngine(t, kind, (exchange) => {
      exchange.listen({ onAbort() {}, onDrain() {} });
      if (exchange.path === "/v1/held") held = exchange;
      else exchange.respond(503, [], "draining");
    });
    const other = await open(port);
    other.write("GET /v1/held HTTP/1.1\r\nHost: h\r\n\r\n");
    const kept = await open(port);
    kept.write("GET /v1/x HTT");
    await pause(50);
    const done = engine.drain(5000);
    const answer = await ask(kept, "P/1.1\r\nHost: h\r\n\r\n");
    assert.equal(statusOf(answer), 503);
    assert.match(headOf(answer), /connection: close/);
    (held as unknown as Exchange).respond(200, [], "late");
    assert.match((await ask(other, "")).toString("latin1"), /late/);
    await done;
  });

  test(`${kind}: a drain ends at its deadline whatever still runs`, async (t) => {
    const calls: string[] = [];
    const { port, engine } = await startEngine(t, kind, (exchange) => {
      exchange.listen({ onAbort: () => calls.push("abort"), onDrain() {} });
    });
    const socket = await open(port);
    socket.on("error", () => {});
    socket.write(GET);
    await pause(50);
    await engine.drain(100);
    await pause(50);
    assert.deepEqual(calls, ["abort"]);
    assert.deepEqual(engine.stats(), { connections: 0, exchanges: 0 });
  });

  test(`${kind}: a listener is replaced without dropping what is open, each has its own handler`, async (t) => {
    const { engine } = await startEngine(t, kind, ok);
    const say = (word: string) => (exchange: Exchange) => {
      exchange.listen({ onAbort() {}, onDrain() {} });
      exchange.respond(200, [], word);
    };
    // A port of our choice, as in life: for port 0 uWS leaves out SO_REUSEADDR.
    const first = await engine.listen(
      { host: "127.0.0.1", bindFamily: "dual", port: await freePort() },
      say("first"),
    );
    const kept = await open(first.port);
    assert.equal(bodyOf(await ask(kept)), "first");
    const second = await engine.listen({ host: "127.0.0.1", bindFamily: "dual", port: 0 }, say("second"));
    first.close();
    first.close();
    await assert.rejects(open(first.port), /ECONNREFUSED/);
    assert.equal(bodyOf(await ask(kept)), "first");
    const fresh = await open(second.port);
    assert.equal(bodyOf(await ask(fresh)), "second");
    const again = await engine.listen(
      { host: "127.0.0.1", bindFamily: "dual", port: first.port },
      say("again"),
    );
    assert.equal(again.port, first.port);
    assert.equal(bodyOf(await ask(kept)), "first");
    kept.destroy();
    fresh.destroy();
  });

  test(`${kind}: a restart can bind the port while old connections linger in TIME_WAIT`, async (t) => {
    const { engine } = await startEngine(t, kind, ok);
    const port = await freePort();
    const first = await engine.listen({ host: "127.0.0.1", bindFamily: "dual", port }, ok);
    const answer = await sendRaw(port, GET.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n"));
    assert.equal(statusOf(answer.bytes), 200);
    first.close();
    const second = await engine.listen({ host: "127.0.0.1", bindFamily: "dual", port }, ok);
    assert.equal(second.port, port);
  });

  test(`${kind}: SIGUSR2 and the like do not close the listener`, async (t) => {
    const before = ["SIGUSR1", "SIGUSR2", "SIGINT", "SIGTERM", "exit"].map((name) =>
      process.listenerCount(name),
    );
    await startEngine(t, kind, ok);
    const now = ["SIGUSR1", "SIGUSR2", "SIGINT", "SIGTERM", "exit"].map((name) =>
      process.listenerCount(name),
    );
    assert.deepEqual(now, before);
  });
}

test("connections are counted from the kernel's table by peer, for our ports only", () => {
  const files: Record<string, string> = {
    "/proc/self/net/tcp": [
      "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode",
      "   0: 0100007F:0FA0 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0",
      "   1: 0100007F:0FA0 0100007F:C350 01 00000000:00000000 00:00000000 00000000     0        0 2 1 0 20 4 30 10 -1",
      "   2: 0100007F:0FA0 0100007F:C351 01 00000000:00000000 00:00000000 00000000     0        0 3 1 0 20 4 30 10 -1",
      "   3: 0100007F:0FA0 0100007F:C352 06 00000000:00000000 00:00000000 00000000     0        0 4 1 0 20 4 30 10 -1",
      "   4: 0100007F:1F90 0100007F:C353 01 00000000:00000000 00:00000000 00000000     0        0 5 1 0 20 4 30 10 -1",
    ].join("\n"),
    "/proc/self/net/tcp6": [
      "   0: 0000000000000000FFFF00000100007F:0FA0 0000000000000000FFFF00000500A8C0:C354 01 00000000:00000000 00:0 0 0 0 1",
      "   1: 00000000000000000000000001000000:0FA0 B80D0120000000000000000001000000:C355 08 00000000:00000000 00:0 0 0 0 1",
    ].join("\n"),
  };
  const read = (path: string) => {
    const text = files[path];
    if (text === undefined) throw new Error("ENOENT");
    return text;
  };
  assert.deepEqual(
    [...(countConnections(new Set([4000]), read) ?? [])],
    [
      ["127.0.0.1", 2],
      ["192.168.0.5", 1],
      ["2001:db8::1", 1],
    ],
  );
  assert.equal(
    countConnections(new Set([4000]), () => read("/nowhere")),
    null,
  );
  assert.ok(parseAddress("192.168.0.5"));
});

test("the estimating counter forgets clients rather than grow without bound", () => {
  const limits = { maxConnections: 10, maxConnectionsPerClient: 5 };
  let reads = 0;
  const counter = createEstimatingCounter(
    () => limits,
    () => false,
    realTime().clock,
    () => {
      reads++;
      return new Map([["10.0.0.1", 2]]);
    },
  );
  for (let i = 0; i < 10_000; i++) {
    assert.equal(counter.opened(`10.1.${i >> 8}.${i & 255}`), true);
    counter.closed("");
  }
  assert.ok(reads >= 1 && reads < 100, `${reads} reads of the table`);
  assert.equal(counter.open, 0);
});
