import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import type { Socket } from "node:net";
import { test } from "node:test";
import { orderAddresses, raceConnects } from "../../src/upstream/happy-eyeballs.ts";
import { fakeTime } from "../support/fake-time.ts";

class FakeSocket extends EventEmitter {
  destroyed = false;
  destroy(): this {
    this.destroyed = true;
    return this;
  }
}

function race(addresses: readonly string[]) {
  const time = fakeTime();
  const opened: { address: string; at: number; socket: FakeSocket }[] = [];
  const seen = { won: "", lost: [] as string[] };
  const open = (address: string) => {
    const socket = new FakeSocket();
    opened.push({ address, at: time.clock.now(), socket });
    return socket as unknown as Socket;
  };
  const cancel = raceConnects(addresses, time.timers, open, {
    won: (_, address) => {
      seen.won = address;
    },
    lost: (errors) => {
      seen.lost = errors.map(({ address, error }) => `${address} ${error.code}`);
    },
  });
  return { time, opened, seen, cancel };
}

function failed(code: string): NodeJS.ErrnoException {
  return Object.assign(new Error(code), { code });
}

test("a new address every 250 ms, the earlier ones stay in the race and may still win", () => {
  const { time, opened, seen } = race(["a", "b", "c"]);
  time.advance(600);
  assert.deepEqual(
    opened.map(({ address, at }) => `${address}@${at}`),
    ["a@0", "b@250", "c@500"],
  );
  assert.ok(opened.every(({ socket }) => !socket.destroyed));
  time.advance(5000);
  opened[0]?.socket.emit("connect");
  assert.equal(seen.won, "a");
  assert.deepEqual(
    opened.map(({ socket }) => socket.destroyed),
    [false, true, true],
  );
  assert.equal(time.pending, 0);
});

test("an address that fails gives way at once", () => {
  const { time, opened, seen } = race(["a", "b"]);
  time.advance(10);
  opened[0]?.socket.emit("error", failed("ENETUNREACH"));
  assert.equal(opened[1]?.at, 10);
  opened[1]?.socket.emit("connect");
  assert.equal(seen.won, "b");
  assert.equal(time.pending, 0);
});

test("the race is lost when the last address has failed, with every reason in order", () => {
  const { time, opened, seen } = race(["a", "b"]);
  time.advance(300);
  opened[1]?.socket.emit("error", failed("ECONNREFUSED"));
  assert.deepEqual(seen.lost, []);
  opened[0]?.socket.emit("error", failed("EHOSTUNREACH"));
  assert.deepEqual(seen.lost, ["b ECONNREFUSED", "a EHOSTUNREACH"]);
  assert.equal(time.pending, 0);
});

test("a cancelled race leaves nothing behind", () => {
  const { time, opened, cancel } = race(["a", "b", "c"]);
  time.advance(260);
  cancel();
  time.advance(1000);
  assert.equal(opened.length, 2);
  assert.ok(opened.every(({ socket }) => socket.destroyed));
  assert.equal(time.pending, 0);
});

test("families take turns, IPv6 leads, the address that worked last goes first", () => {
  const mixed = ["192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2"];
  assert.deepEqual(orderAddresses(mixed, ""), ["2001:db8::1", "192.0.2.1", "2001:db8::2", "192.0.2.2"]);
  assert.deepEqual(orderAddresses(mixed, "192.0.2.2"), [
    "192.0.2.2",
    "2001:db8::1",
    "192.0.2.1",
    "2001:db8::2",
  ]);
  assert.deepEqual(orderAddresses(mixed, "2001:db8::2"), [
    "2001:db8::2",
    "192.0.2.1",
    "2001:db8::1",
    "192.0.2.2",
  ]);
  assert.deepEqual(orderAddresses(["192.0.2.1"], "192.0.2.9"), ["192.0.2.1"]);
});
