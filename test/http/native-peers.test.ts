import assert from "node:assert/strict";
import { test } from "node:test";
import { createPeers } from "../../src/http/native-peers.ts";

const bytes = (...numbers: number[]) => new Uint8Array(numbers).buffer;
const mapped = (...last: number[]) => bytes(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, ...last);

test("an address is spelled as it is, the first time and again, whichever family the socket has", () => {
  const peerOf = createPeers("192.0.2.1");
  for (let i = 0; i < 2; i++) {
    assert.deepEqual(peerOf(bytes(127, 0, 0, 1)), { address: "127.0.0.1", localAddress: "192.0.2.1" });
    assert.equal(peerOf(mapped(127, 0, 0, 2)).address, "127.0.0.2");
    assert.equal(peerOf(bytes(255, 255, 255, 255)).address, "255.255.255.255");
    assert.equal(peerOf(bytes(0, 0, 0, 0)).address, "0.0.0.0");
    assert.equal(peerOf(bytes(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1)).address, "::1");
    // The last four bytes are those of 127.0.0.1, the rest is another network's.
    assert.equal(
      peerOf(bytes(0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 127, 0, 0, 1)).address,
      "2001:db8::7f00:1",
    );
    assert.equal(peerOf(new ArrayBuffer(0)).address, "");
  }
  assert.equal(peerOf(bytes(127, 0, 0, 1)), peerOf(mapped(127, 0, 0, 1)));
});

test("more addresses than are remembered are spelled right all the same", () => {
  const peerOf = createPeers("");
  for (let round = 0; round < 2; round++) {
    for (let i = 0; i < 1000; i++)
      assert.equal(peerOf(bytes(10, 0, i >> 8, i & 255)).address, `10.0.${i >> 8}.${i & 255}`);
  }
});
