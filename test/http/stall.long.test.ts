/** Real seconds: who is cut for standing still, and who is not, on both engines (uWS has timers of its own). */
import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import { describe, test } from "node:test";
import type { Exchange } from "../../src/http/exchange.ts";
import { ENGINES, startEngine } from "./support/engines.ts";

const pause = (seconds: number) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));
const BIG = Buffer.alloc(64 * 1024, 0x61);

function dial(port: number, bytes: string): Socket {
  const socket = connect(port, "127.0.0.1", () => socket.write(bytes));
  socket.on("error", () => {});
  return socket;
}

/** Seconds until the server closes the connection; `limit` when it did not. */
function closedAfter(socket: Socket, limit: number): Promise<number> {
  return new Promise((resolve) => {
    const began = performance.now();
    const done = () => resolve((performance.now() - began) / 1000);
    const timer = setTimeout(done, limit * 1000);
    socket.on("close", () => {
      clearTimeout(timer);
      done();
    });
    socket.resume();
  });
}

/** Writes until the reader is the one to wait for; `onAbort` as the exchange says. */
function fill(exchange: Exchange, onAbort: () => void): void {
  let left = 500;
  const go = () => {
    while (left > 0) {
      left--;
      if (!exchange.write(BIG)) return;
    }
  };
  exchange.listen({ onAbort, onDrain: go });
  exchange.start(200, []);
  go();
}

for (const kind of ENGINES) {
  describe(`${kind}: standing still`, { concurrency: 10 }, () => {
    test("a reader that takes nothing is cut after client_stall", async (t) => {
      let cutAfter = 0;
      const { port } = await startEngine(
        t,
        kind,
        (exchange) => {
          const began = performance.now();
          fill(exchange, () => {
            cutAfter = (performance.now() - began) / 1000;
          });
        },
        { limits: { clientStallMs: 8000 } },
      );
      const socket = dial(port, "GET /v1/x HTTP/1.1\r\nHost: h\r\n\r\n");
      socket.pause();
      await pause(14);
      assert.ok(cutAfter >= 7 && cutAfter <= 13, `cut after ${cutAfter} s`);
      socket.destroy();
    });

    test("a stream that was blocked once and is then silent for 40 s is not cut", async (t) => {
      let aborted = false;
      const { port } = await startEngine(
        t,
        kind,
        (exchange) => {
          fill(exchange, () => {
            aborted = true;
          });
          setTimeout(() => {
            exchange.write(Buffer.from("late"));
            exchange.end();
          }, 40_000);
        },
        { limits: { clientStallMs: 8000 } },
      );
      const socket = dial(port, "GET /v1/x HTTP/1.1\r\nHost: h\r\n\r\n");
      socket.pause();
      await pause(1);
      let tail = "";
      socket.on("data", (chunk) => {
        tail = (tail + chunk.subarray(-20).toString("latin1")).slice(-20);
      });
      socket.resume();
      await pause(40);
      assert.equal(aborted, false);
      assert.match(tail, /late\r\n0\r\n\r\n$/);
      socket.destroy();
    });

    test("an upload of a byte a second for 40 s arrives whole", async (t) => {
      const seen: string[] = [];
      const { port } = await startEngine(
        t,
        kind,
        (exchange) => {
          exchange.listen({ onAbort: () => seen.push("abort"), onDrain() {} });
          exchange.receive({
            onChunk(_chunk, last) {
              if (last) seen.push("whole");
            },
          });
        },
        { limits: { clientStallMs: 8000 } },
      );
      const socket = dial(port, "POST /v1/x HTTP/1.1\r\nHost: h\r\nContent-Length: 40\r\n\r\n");
      for (let i = 0; i < 40; i++) {
        await pause(1);
        socket.write("a");
      }
      await pause(0.5);
      assert.deepEqual(seen, ["whole"]);
      socket.destroy();
    });

    test("an upload that we do not read for 40 s is kept, and arrives whole afterwards", async (t) => {
      let size = 0;
      let whole = false;
      const { port } = await startEngine(
        t,
        kind,
        (exchange) => {
          exchange.listen({ onAbort() {}, onDrain() {} });
          exchange.receive({
            onChunk(chunk, last) {
              size += chunk.length;
              whole = last;
            },
          });
          exchange.pauseBody();
          setTimeout(() => exchange.resumeBody(), 40_000);
        },
        { limits: { clientStallMs: 8000 } },
      );
      const socket = dial(
        port,
        "POST /v1/x HTTP/1.1\r\nHost: h\r\nContent-Length: 3000000\r\n\r\n".concat("a".repeat(3_000_000)),
      );
      await pause(41);
      assert.equal(size, 3_000_000);
      assert.equal(whole, true);
      socket.destroy();
    });

    for (const [name, bytes, from, to] of [
      ["no request at all", "", 12, 25],
      ["half a head", "GET /v1/x HTTP/1.1\r\nHo", 12, 25],
      ["a blank line and no more", "\r\n", 12, 25],
      [
        "a chunk size nobody will send",
        "POST /v1/x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFF\r\nabc",
        7,
        17,
      ],
      ["a body that never comes", "POST /v1/x HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\n", 7, 17],
    ] as const) {
      test(`${name} is ended by our limits`, async (t) => {
        const { port, engine } = await startEngine(
          t,
          kind,
          (exchange) => {
            exchange.listen({ onAbort() {}, onDrain() {} });
            exchange.receive({ onChunk() {} });
          },
          { limits: { clientStallMs: 8000 } },
        );
        const seconds = await closedAfter(dial(port, bytes), 30);
        assert.ok(seconds >= from && seconds <= to, `closed after ${seconds} s`);
        await pause(0.1);
        assert.deepEqual(engine.stats(), { connections: 0, exchanges: 0 });
      });
    }

    test("an answer that takes 40 s to begin is not cut", async (t) => {
      const { port } = await startEngine(
        t,
        kind,
        (exchange) => {
          exchange.listen({ onAbort() {}, onDrain() {} });
          setTimeout(() => exchange.respond(200, [], "patience"), 40_000);
        },
        { limits: { clientStallMs: 8000 } },
      );
      const socket = dial(port, "POST /v1/x HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nab");
      let answer = "";
      socket.on("data", (chunk) => {
        answer += chunk;
      });
      await pause(41);
      assert.match(answer, /patience$/);
      socket.destroy();
    });

    test("an idle kept connection is closed after its time", async (t) => {
      const { port } = await startEngine(
        t,
        kind,
        (exchange) => {
          exchange.listen({ onAbort() {}, onDrain() {} });
          exchange.respond(200, [], "ok");
        },
        { limits: { clientStallMs: 60_000 } },
      );
      const seconds = await closedAfter(dial(port, "GET /v1/x HTTP/1.1\r\nHost: h\r\n\r\n"), 75);
      assert.ok(seconds >= 50 && seconds <= 70, `closed after ${seconds} s`);
    });
  });
}
