/** When a whole answer leaves: at once where it is the only one, else with all others of its turn. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createWriteTurn } from "../../src/base/write-turn.ts";
import { HeadLines } from "../../src/http/head-lines.ts";
import { NativeExchange, type NativeHost, WholeSender } from "../../src/http/native-exchange.ts";
import type { UwsResponse } from "../../src/http/native-types.ts";
import { TurnSpace } from "../../src/http/turn-space.ts";

const turnEnd = () => new Promise((resolve) => setImmediate(resolve));

function startHost() {
  let open = 0;
  const ended: string[] = [];
  const host: NativeHost = {
    streamBufferBytes: 64 * 1024,
    draining: false,
    turn: createWriteTurn(),
    space: new TurnSpace(),
    heads: new HeadLines(),
    sender: new WholeSender(),
    isAlone: () => open === 1,
    now: () => 0,
    exchangeEnded: () => open--,
    onError: assert.fail,
  };
  return {
    ended,
    get open() {
      return open;
    },
    begin() {
      open++;
      let abort = () => {};
      const response = {
        onAborted(handler: () => void) {
          abort = handler;
        },
        cork: (handler: () => void) => handler(),
        writeStatus() {},
        end: (body: string) => ended.push(body),
      };
      const head = { headers: [], notes: { isPlain: true, credentials: null, session: null } };
      const peerOf = () => ({ address: "", localAddress: "" });
      const uws = response as unknown as UwsResponse;
      const exchange = new NativeExchange(host, uws, "GET", "/", "", head, peerOf, 0);
      return { exchange, abort: () => abort() };
    },
  };
}

test("the only answer goes out at once", async () => {
  const host = startHost();
  host.begin().exchange.respond(200, [], "a");
  assert.deepEqual(host.ended, ["a"]);
  await turnEnd();
  assert.deepEqual(host.ended, ["a"]);
  assert.equal(host.open, 0);
});

test("one of several waits for the end of the turn, and is not sent when its client goes before", async () => {
  const host = startHost();
  const [first, second, third] = [host.begin(), host.begin(), host.begin()];
  first.exchange.respond(200, [], "a");
  second.exchange.respond(200, [], "b");
  third.exchange.respond(200, [], "c");
  assert.deepEqual(host.ended, []);
  second.abort();
  await turnEnd();
  assert.deepEqual(host.ended, ["a", "c"]);
  assert.equal(host.open, 0);
});
