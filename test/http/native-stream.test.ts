/** The native engine's streams over a socket that refuses at any moment: what uWebSockets.js would lose is never risked. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createWriteTurn } from "../../src/base/write-turn.ts";
import { NativeStream } from "../../src/http/native-stream.ts";
import { TurnSpace } from "../../src/http/turn-space.ts";
import { chunksOf } from "./support/chunked.ts";
import { CorkedSocket } from "./support/corked-socket.ts";

const SOURCE = Buffer.from(Array.from({ length: 512 * 1024 }, (_, i) => (i * 7919) >>> 5));
const SIZES = [1, 180, 900, 3000, 4096, 4097, 8192, 15_360, 15_361, 16_384, 40_000, 65_536];
const SEED = Number(process.env["SEED"] ?? 1);

function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state * 1664525 + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

const turnEnd = () => new Promise((resolve) => setImmediate(resolve));

/** One stream of random pieces over a socket that takes all, some or nothing each time; what the reader got. */
async function runStream(seed: number, sized: boolean): Promise<void> {
  const random = randomFrom(seed);
  const socket = new CorkedSocket((bytes) => {
    const chance = random();
    return chance < 0.5 ? bytes : chance < 0.8 ? 0 : Math.floor(random() * bytes);
  });
  const length = 1 + Math.floor(random() * SOURCE.length);
  const headBytes = random() < 0.2 ? 9000 : 300;
  const host = { streamBufferBytes: 64 * 1024, turn: createWriteTurn(), space: new TurnSpace() };
  let open = true;
  let complete = false;
  const response = socket.asResponse();
  const stream: NativeStream = new NativeStream(
    response,
    host,
    {
      inCallback: false,
      headBytes,
      writeHead: () => response.writeStatus(`200 OK\r\nx: ${"h".repeat(headBytes - 200)}`),
      onDrain() {
        open = true;
      },
      beforeEnd() {},
      onComplete() {
        complete = true;
        stream.stop();
      },
      onBroken: (reason) => assert.fail(`seed ${seed}: ${reason}`),
    },
    sized ? length : -1,
  );
  let written = 0;
  for (let turns = 0; !complete && turns < 20_000; turns++) {
    for (let pieces = random() * 10; pieces > 0 && open && written < length; pieces--) {
      const size = Math.min(length - written, SIZES[Math.floor(random() * SIZES.length)] ?? 1);
      const shared = Buffer.alloc(size + 2, 0xee);
      SOURCE.copy(shared, 1, written, written + size);
      open =
        random() < 0.5 ? stream.write(shared.subarray(1, 1 + size)) : stream.writeBytes(shared, 1, 1 + size);
      shared.fill(0xee);
      written += size;
    }
    if (written === length) stream.end();
    await turnEnd();
    if (!complete) socket.makeRoom();
  }
  socket.drain();
  const answer = Buffer.concat(socket.sent);
  const body = sized ? answer.subarray(answer.indexOf("\r\n\r\n") + 4) : Buffer.concat(chunksOf(answer));
  assert.equal(socket.lost, 0, `SEED=${seed}`);
  assert.equal(complete, true, `SEED=${seed}: not complete after ${written} of ${length}`);
  assert.equal(host.space.append(0, 0, Buffer.from("x")), 0, `SEED=${seed}: the shared space was given back`);
  assert.ok(body.equals(SOURCE.subarray(0, length)), `SEED=${seed}: ${body.length} of ${length} bytes`);
}

for (const [name, sized] of [
  ["chunked", false],
  ["of declared length", true],
] as const) {
  test(`streams ${name} keep every byte whatever the socket refuses`, async () => {
    for (let seed = SEED; seed < SEED + 60; seed++) await runStream(seed, sized);
  });
}
