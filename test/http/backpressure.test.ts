/** Slow and stalled readers and uploads, on both engines: nothing grows, nothing is lost, and who stands still is cut. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { connect, type Socket } from "node:net";
import { describe, test } from "node:test";
import type { Exchange } from "../../src/http/exchange.ts";
import { chunksOf } from "./support/chunked.ts";
import { ENGINES, startEngine } from "./support/engines.ts";
import { scaledTime } from "./support/real-time.ts";

const CHUNK = Buffer.from(Array.from({ length: 64 * 1024 }, (_, i) => (i * 31) & 0xff));
const CHUNKS = 320; // 20 MiB, more than the kernel keeps
const TOTAL = CHUNK.length * CHUNKS;

interface Progress {
  written: number;
  refusals: number;
  drains: number;
  aborted: boolean;
}

/** Writes CHUNKS pieces, stopping whenever it is told to. */
function writeAll(exchange: Exchange, progress: Progress, headers: readonly string[]): void {
  const go = () => {
    while (progress.written < CHUNKS) {
      progress.written++;
      if (exchange.write(CHUNK)) continue;
      progress.refusals++;
      return;
    }
    exchange.end();
  };
  exchange.listen({
    onAbort() {
      progress.aborted = true;
    },
    onDrain() {
      progress.drains++;
      go();
    },
  });
  exchange.start(200, headers);
  go();
}

function request(port: number): Socket {
  const socket = connect(port, "127.0.0.1", () =>
    socket.write("GET /v1/s HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"),
  );
  socket.on("error", () => {});
  return socket;
}

/** Reads to `done`; the body with its framing undone. */
function readBody(socket: Socket): Promise<Buffer> {
  return new Promise((resolve) => {
    const pieces: Buffer[] = [];
    let size = 0;
    const settle = () => resolve(decode(Buffer.concat(pieces)));
    socket.on("data", (piece) => {
      pieces.push(piece);
      size += piece.length;
      const tail = piece.subarray(-5).toString("latin1");
      if (size > TOTAL && (tail === "0\r\n\r\n" || decode(Buffer.concat(pieces)).length === TOTAL)) settle();
    });
    socket.on("close", settle);
    socket.resume();
  });
}

function decode(answer: Buffer): Buffer {
  const at = answer.indexOf("\r\n\r\n");
  const head = answer.toString("latin1", 0, at).toLowerCase();
  if (!head.includes("transfer-encoding: chunked")) return answer.subarray(at + 4);
  return Buffer.concat(chunksOf(answer));
}

const digest = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex");
const EXPECTED = digest(Buffer.concat(Array.from({ length: CHUNKS }, () => CHUNK)));
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** What the stalled peers of these tests are given, in time that runs 20 times as fast. */
const STALL_MS = 12_000;

/** A slow peer must not become a stalled one because the machine stood still: then the case is tried again. */
async function withoutPauses(run: (pace: (ms: number) => Promise<void>) => Promise<void>): Promise<void> {
  for (let tries = 1; ; tries++) {
    let longest = 0;
    const pace = async (ms: number) => {
      const began = performance.now();
      await pause(ms);
      longest = Math.max(longest, performance.now() - began);
    };
    try {
      return await run(pace);
    } catch (error) {
      if (tries === 8 || longest < STALL_MS / 20 / 2) throw error;
    }
  }
}

/** Waits until it holds, for 10 s at most. */
async function until(holds: () => boolean): Promise<void> {
  for (let i = 0; i < 1000 && !holds(); i++) await pause(10);
}

for (const kind of ENGINES) {
  test(`${kind}: many streams to readers that stand still take bounded memory`, async (t) => {
    const streams = 40;
    const progresses: Progress[] = [];
    const { port } = await startEngine(t, kind, (exchange) => {
      const progress: Progress = { written: 0, refusals: 0, drains: 0, aborted: false };
      progresses.push(progress);
      writeAll(exchange, progress, []);
    });
    const sockets = Array.from({ length: streams }, () => request(port));
    for (const socket of sockets) socket.pause();
    await until(() => progresses.filter(({ refusals }) => refusals > 0).length === streams);
    // Per stream at most the limit and one more chunk; the rest is the kernel's. What earlier tests left is given back
    // by another thread, some time after it was collected.
    const most = streams * 3 * CHUNK.length + 40e6;
    await until(() => {
      globalThis.gc?.();
      return process.memoryUsage().external < most;
    });
    assert.ok(process.memoryUsage().external < most, `${process.memoryUsage().external} bytes`);
    for (const socket of sockets) socket.destroy();
    await until(() => progresses.every(({ aborted }) => aborted));
    assert.equal(progresses.filter((progress) => progress.aborted).length, streams);
  });
}

for (const kind of ENGINES) {
  describe(`${kind}: slow peers`, { concurrency: 8 }, () => {
    for (const [framing, headers] of [
      ["chunked", []],
      ["of declared length", ["content-length", String(TOTAL)]],
    ] as const) {
      test(`${kind}: a stream ${framing} waits for a reader that stands still, then arrives whole`, async (t) => {
        const progress: Progress = { written: 0, refusals: 0, drains: 0, aborted: false };
        const { port, errors } = await startEngine(t, kind, (exchange) =>
          writeAll(exchange, progress, headers),
        );
        const socket = request(port);
        socket.pause();
        await until(() => progress.refusals > 0);
        await pause(300);
        const held = progress.written;
        assert.ok(progress.refusals > 0 && held < CHUNKS, `the writer was held back after ${held} chunks`);
        await pause(200);
        assert.ok(progress.written <= held + 2, "a reader that takes nothing gets no more");
        const body = await readBody(socket);
        assert.equal(body.length, TOTAL);
        assert.equal(digest(body), EXPECTED);
        assert.equal(progress.aborted, false);
        assert.deepEqual(errors, []);
        socket.destroy();
      });
    }

    test(`${kind}: a whole answer of 20 MiB arrives whole at a slow reader`, async (t) => {
      const whole = Buffer.concat(Array.from({ length: CHUNKS }, () => CHUNK));
      const { port, engine } = await startEngine(t, kind, (exchange) => {
        exchange.listen({ onAbort() {}, onDrain() {} });
        setTimeout(() => exchange.respond(200, [], whole), 5);
      });
      const socket = request(port);
      socket.pause();
      await pause(200);
      assert.equal(engine.stats().exchanges, 1, "not done while the reader has not taken it");
      assert.equal(digest(await readBody(socket)), EXPECTED);
      socket.destroy();
    });

    test(`${kind}: bursts of small pieces arrive whole at a reader that stands still now and then`, async (t) => {
      const piece = CHUNK.subarray(0, 3000);
      const pieces = 6000;
      const { port, errors } = await startEngine(t, kind, (exchange) => {
        let written = 0;
        let stopped = false;
        const burst = () => {
          for (let i = 0; i < 12 && !stopped && written < pieces; i++) {
            written++;
            stopped = !exchange.write(piece);
          }
          if (written === pieces) exchange.end();
          else if (!stopped) setImmediate(burst);
        };
        exchange.listen({
          onAbort() {
            stopped = true;
          },
          onDrain() {
            stopped = false;
            setImmediate(burst);
          },
        });
        exchange.start(200, []);
        burst();
      });
      const socket = request(port);
      // Full to the brim first: then what uWS cannot hand on counts.
      socket.pause();
      setTimeout(() => socket.resume(), 400);
      const received: Buffer[] = [];
      socket.on("data", (bytes) => {
        received.push(bytes);
        if (received.length % 40 !== 0) return;
        socket.pause();
        setTimeout(() => socket.resume(), 5);
      });
      await new Promise((resolve) => socket.on("close", resolve));
      const body = decode(Buffer.concat(received));
      assert.equal(body.length, piece.length * pieces);
      assert.equal(digest(body), digest(Buffer.concat(Array.from({ length: pieces }, () => piece))));
      assert.deepEqual(errors, []);
    });

    test(`${kind}: small events reach a reader that was blocked before`, async (t) => {
      let open: Exchange | null = null;
      const { port } = await startEngine(t, kind, (exchange) => {
        open = exchange;
        exchange.listen({ onAbort() {}, onDrain() {} });
        exchange.start(200, []);
        for (let i = 0; i < 200 && exchange.write(CHUNK); i++);
      });
      const socket = request(port);
      socket.pause();
      await pause(200);
      let last = "";
      socket.on("data", (piece) => {
        last = piece.toString("latin1");
      });
      socket.resume();
      const exchange = open as unknown as Exchange;
      let taken = false;
      await until(() => {
        taken = exchange.write(Buffer.from("event"));
        return taken;
      });
      assert.equal(taken, true);
      await until(() => last.includes("5\r\nevent"));
      assert.match(last, /5\r\nevent/);
      exchange.destroy();
      socket.destroy();
    });

    test(`${kind}: an upload is paused and goes on when asked`, async (t) => {
      let exchange: Exchange | null = null;
      let received = 0;
      let done = false;
      const { port } = await startEngine(t, kind, (opened) => {
        exchange = opened;
        opened.listen({ onAbort() {}, onDrain() {} });
        opened.receive({
          onChunk(chunk, last) {
            received += chunk.length;
            done = last;
            if (last) opened.respond(200, [], "ok");
            else opened.pauseBody();
          },
        });
      });
      const size = 8e6;
      const socket = connect(port, "127.0.0.1", () => {
        socket.write(`POST /v1/u HTTP/1.1\r\nHost: h\r\nContent-Length: ${size}\r\n\r\n`);
        socket.write(Buffer.alloc(size));
      });
      await pause(200);
      const first = received;
      assert.ok(first < size / 2, `${first} bytes came while paused`);
      await pause(100);
      assert.ok(received <= first + 600_000);
      for (let i = 0; i < 2000 && !done; i++) {
        (exchange as unknown as Exchange).resumeBody();
        await pause(1);
      }
      assert.equal(received, size);
      socket.destroy();
    });

    test(`${kind}: an upload that stands still is cut after client_stall, a slow one is not`, async (t) => {
      const outcomes: string[] = [];
      const time = scaledTime(20); // 20 s pass in one
      const { port } = await startEngine(
        t,
        kind,
        (exchange) => {
          exchange.listen({ onAbort: () => outcomes.push(`${exchange.path} aborted`), onDrain() {} });
          exchange.receive({
            onChunk(_chunk, last) {
              if (!last) return;
              outcomes.push(`${exchange.path} whole`);
              exchange.respond(200, [], "ok");
            },
          });
        },
        { time, limits: { clientStallMs: STALL_MS } },
      );
      await withoutPauses(async (pace) => {
        outcomes.length = 0;
        const upload = (path: string) => {
          const socket = connect(port, "127.0.0.1", () =>
            socket.write(`POST ${path} HTTP/1.1\r\nHost: h\r\nContent-Length: 12\r\n\r\na`),
          );
          socket.on("error", () => {});
          return socket;
        };
        const still = upload("/v1/still");
        const never = connect(port, "127.0.0.1", () =>
          never.write("POST /never HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"),
        );
        never.on("error", () => {});
        const slow = upload("/v1/slow");
        for (let i = 0; i < 11; i++) {
          await pace(150);
          slow.write("b");
        }
        await until(() => outcomes.length === 3);
        for (const socket of [still, slow, never]) socket.destroy();
        assert.deepEqual(outcomes.sort(), ["/never aborted", "/v1/slow whole", "/v1/still aborted"]);
      });
    });
    if (kind === "node") {
      test("node: a reader that takes nothing is cut after client_stall, one that takes a little is not", async (t) => {
        const outcomes: string[] = [];
        const { port } = await startEngine(
          t,
          "node",
          (exchange) => {
            const progress: Progress = { written: 0, refusals: 0, drains: 0, aborted: false };
            writeAll(exchange, progress, []);
            const timer = setInterval(() => {
              if (!exchange.closed) return;
              clearInterval(timer);
              outcomes.push(progress.aborted ? "cut" : "whole");
            }, 10);
          },
          { time: scaledTime(20), limits: { clientStallMs: STALL_MS } },
        );
        const still = request(port);
        still.pause();
        await until(() => outcomes.length > 0);
        assert.deepEqual(outcomes, ["cut"]);
        await withoutPauses(async (pace) => {
          outcomes.length = 0;
          const slow = request(port);
          let read = 0;
          slow.on("data", (piece) => {
            read += piece.length;
          });
          for (let i = 0; i < 8; i++) {
            const before = read;
            slow.resume();
            // So much that the kernel makes room at the writer's side, whatever it keeps (it wakes the writer at a third).
            await until(() => read >= before + 2e6 || outcomes.length > 0);
            slow.pause();
            await pace(100);
          }
          slow.resume();
          await until(() => outcomes.length > 0);
          await pace(0);
          slow.destroy();
          assert.deepEqual(outcomes, ["whole"]);
        });
      });
    }
  });
}
