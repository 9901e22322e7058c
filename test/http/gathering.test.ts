/** Pieces written in one turn of the event loop: what leaves together, in which order, and that no byte is lost. */
import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import { test } from "node:test";
import type { Exchange } from "../../src/http/exchange.ts";
import { chunksOf } from "./support/chunked.ts";
import { ENGINES, startEngine } from "./support/engines.ts";
import { sendRaw } from "./support/raw-client.ts";

/** Byte n of every stream here, so that any piece shows its place. */
const SOURCE = Buffer.from(Array.from({ length: 256 * 1024 }, (_, i) => (i * 7919) >>> 5));
const GET = "GET /v1/s HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
const SILENT = { onAbort() {}, onDrain() {} };
const bodyBytes = (answer: Buffer) => Buffer.concat(chunksOf(answer));

/** Like the upstream's read buffer: overwritten as soon as `write` has returned. */
function writeShared(exchange: Exchange, from: number, size: number): boolean {
  const shared = Buffer.from(SOURCE.subarray(from, from + size));
  const room = exchange.write(shared);
  shared.fill(0xee);
  return room;
}

/** Writes pieces of these sizes, one behind the other, and tells how much that was. */
function writeSizes(exchange: Exchange, sizes: readonly number[]): number {
  let at = 0;
  for (const size of sizes) {
    writeShared(exchange, at, size);
    at += size;
  }
  return at;
}

const SIZES = [
  1, 180, 4096, 4097, 30, 8192, 200, 200, 4000, 4000, 4000, 15360, 7, 15361, 65536, 1, 16384, 900,
];

/** The handler's own turn and a later one take different ways in the native engine. */
const MOMENTS: readonly [string, (run: () => void) => void][] = [
  ["at once", (run) => run()],
  ["in a later turn", (run) => setTimeout(run, 1)],
];

for (const kind of ENGINES) {
  for (const [moment, schedule] of MOMENTS) {
    test(`${kind}: pieces of many sizes written ${moment}, and the end with them, arrive whole and in order`, async (t) => {
      let total = 0;
      const { port, errors } = await startEngine(
        t,
        kind,
        (exchange) => {
          exchange.listen(SILENT);
          schedule(() => {
            exchange.start(200, []);
            total = writeSizes(exchange, SIZES);
            exchange.end();
          });
        },
        { limits: { streamBufferBytes: 1 << 20 } },
      );
      const { bytes, outcome } = await sendRaw(port, GET);
      assert.ok(bodyBytes(bytes).equals(SOURCE.subarray(0, total)));
      assert.equal(bytes.toString("latin1").endsWith("\r\n0\r\n\r\n"), true);
      assert.equal(outcome, "end");
      assert.deepEqual(errors, []);
    });

    test(`${kind}: a head larger than fits with the first piece, ${moment}, is followed by all of it`, async (t) => {
      const { port } = await startEngine(t, kind, (exchange) => {
        exchange.listen(SILENT);
        schedule(() => {
          exchange.start(200, ["x-long", "v".repeat(9000)]);
          writeShared(exchange, 0, 15_000);
          exchange.end();
        });
      });
      const { bytes } = await sendRaw(port, GET);
      assert.ok(bytes.toString("latin1").includes("v".repeat(9000)));
      assert.ok(bodyBytes(bytes).equals(SOURCE.subarray(0, 15_000)));
    });
  }

  test(`${kind}: what was written before a cut in the same turn arrives, and the cut can be told`, async (t) => {
    const { port } = await startEngine(t, kind, (exchange) => {
      exchange.listen(SILENT);
      setTimeout(() => {
        exchange.start(200, []);
        writeShared(exchange, 0, 100);
        setTimeout(() => {
          writeSizes(exchange, [1000]);
          exchange.destroy();
          assert.equal(exchange.write(SOURCE), false);
        }, 20);
      }, 1);
    });
    const { bytes } = await sendRaw(port, GET);
    const body = bodyBytes(bytes);
    assert.ok(body.subarray(0, 100).equals(SOURCE.subarray(0, 100)));
    if (kind === "hyper-express") assert.ok(body.subarray(100).equals(SOURCE.subarray(0, 1000)));
    assert.equal(bytes.toString("latin1").endsWith("0\r\n\r\n"), false);
  });

  test(`${kind}: a writer stopped by what waits within the turn is told to go on`, async (t) => {
    const events: string[] = [];
    const { port } = await startEngine(
      t,
      kind,
      (exchange) => {
        exchange.listen({
          onAbort: () => events.push("abort"),
          onDrain() {
            events.push("drain");
            writeShared(exchange, 6000, 500);
            exchange.end();
          },
        });
        setTimeout(() => {
          exchange.start(200, []);
          let refused = 0;
          for (let at = 0; at < 6000; at += 500) if (!writeShared(exchange, at, 500)) refused++;
          events.push(refused > 0 ? "refused" : "taken");
          if (refused === 0) exchange.end();
        }, 1);
      },
      { limits: { streamBufferBytes: 2000 } },
    );
    const { bytes } = await sendRaw(port, GET);
    // node:http has sent the first pieces by then and may take all: what counts is that a refusal is followed by a drain.
    const refused = events[0] === "refused";
    if (kind === "hyper-express") assert.equal(refused, true);
    assert.deepEqual(events, refused ? ["refused", "drain"] : ["taken"]);
    assert.ok(bodyBytes(bytes).equals(SOURCE.subarray(0, refused ? 6500 : 6000)));
  });

  test(`${kind}: many streams written in the same turns keep their bytes apart while others are torn down`, async (t) => {
    const turns = 60;
    const open: Exchange[] = [];
    const aborted = new Set<Exchange>();
    const { port, errors } = await startEngine(t, kind, (exchange) => {
      exchange.listen({ onAbort: () => aborted.add(exchange), onDrain() {} });
      exchange.start(200, []);
      exchange.write(Buffer.from(`${exchange.query}:`));
      open.push(exchange);
    });
    const torn = 20;
    const kept = 20;
    const sockets: Socket[] = [];
    const answers = new Map<number, Promise<Buffer>>();
    for (let i = 0; i < torn + kept; i++) {
      const socket = connect(port, "127.0.0.1", () => socket.write(GET.replace("/v1/s", `/v1/s?n${i}`)));
      sockets.push(socket);
      socket.on("error", () => {});
      const pieces: Buffer[] = [];
      socket.on("data", (piece) => pieces.push(piece));
      answers.set(i, new Promise((resolve) => socket.on("close", () => resolve(Buffer.concat(pieces)))));
    }
    while (open.length < sockets.length) await new Promise((resolve) => setImmediate(resolve));
    for (let turn = 0; turn < turns; turn++) {
      // Two rounds a turn: each stream's second piece comes behind the others' first.
      for (let round = 0; round < 2; round++)
        for (const exchange of open)
          exchange.write(Buffer.from(`${exchange.query}.${turn}.${round};`.repeat(9)));
      if (turn % 3 === 0) sockets[turn / 3]?.resetAndDestroy();
      await new Promise((resolve) => setImmediate(resolve));
    }
    for (const exchange of open) exchange.end();
    for (let i = torn; i < torn + kept; i++) {
      let expected = `n${i}:`;
      for (let turn = 0; turn < turns; turn++)
        for (let round = 0; round < 2; round++) expected += `n${i}.${turn}.${round};`.repeat(9);
      assert.equal(bodyBytes((await answers.get(i)) ?? Buffer.alloc(0)).toString("latin1"), expected);
    }
    assert.ok(aborted.size <= torn);
    assert.deepEqual(errors, []);
  });

  test(`${kind}: whole answers of 10 to 70 KB arrive whole at a slow reader of a kept connection`, async (t) => {
    const sizes = [10_000, 15_900, 16_200, 16_500, 20_000, 40_000, 65_000, 66_000, 70_000];
    const { port } = await startEngine(t, kind, (exchange) => {
      exchange.listen(SILENT);
      const size = sizes[Number(exchange.query)] ?? 0;
      const answer = () => exchange.respond(200, [], SOURCE.subarray(0, size));
      if (Number(exchange.query) % 2 === 0) answer();
      else setTimeout(answer, 1);
    });
    const socket = connect(port, "127.0.0.1");
    t.after(() => socket.destroy());
    const next = new Map<string, () => void>();
    let received = Buffer.alloc(0);
    socket.on("data", (piece) => {
      received = Buffer.concat([received, piece]);
      next.get("data")?.();
    });
    for (const [index, size] of sizes.entries()) {
      received = Buffer.alloc(0);
      socket.pause();
      socket.write(`GET /v1/s?${index} HTTP/1.1\r\nHost: h\r\n\r\n`);
      setTimeout(() => socket.resume(), 5);
      await new Promise<void>((resolve) => {
        next.set("data", () => {
          const at = received.indexOf("\r\n\r\n");
          if (at > 0 && received.length >= at + 4 + size) resolve();
        });
      });
      assert.ok(
        received.subarray(received.indexOf("\r\n\r\n") + 4).equals(SOURCE.subarray(0, size)),
        `${size}`,
      );
    }
  });
}

test("hyper-express: small pieces of one turn leave as one, larger ones at once and behind them", {
  skip: !ENGINES.includes("hyper-express"),
}, async (t) => {
  const { port } = await startEngine(t, "hyper-express", (exchange) => {
    exchange.listen(SILENT);
    setTimeout(() => {
      exchange.start(200, []);
      writeSizes(exchange, [100, 200, 300, 5000, 10, 20]);
      exchange.end();
    }, 1);
  });
  const { bytes } = await sendRaw(port, GET);
  assert.deepEqual(
    chunksOf(bytes).map((chunk) => chunk.length),
    [600, 5000, 30],
  );
});
