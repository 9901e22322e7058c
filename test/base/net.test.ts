/** Addresses: one spelling each, prefixes, scopes, and every way to write a private address. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  classifyAddress,
  formatAddress,
  isPrivateAddress,
  matchesCidr,
  normalizeAddress,
  parseAddress,
  parseCidr,
  readOnLinkPrefixes,
  readOwnAddresses,
} from "../../src/base/net.ts";

const SPELLINGS: readonly (readonly [string, string])[] = [
  ["127.0.0.1", "127.0.0.1"],
  ["::ffff:127.0.0.1", "127.0.0.1"],
  ["0000:0000:0000:0000:0000:ffff:7f00:0001", "127.0.0.1"],
  ["[::1]", "::1"],
  ["0:0:0:0:0:0:0:0", "::"],
  ["2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
  ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
  ["2001:0db8:0000:0000:0000:0000:0002:0001", "2001:db8::2:1"],
  ["1:0:0:2:0:0:0:3", "1:0:0:2::3"],
  ["fe80::1%eth0", "fe80::1"],
  ["64:ff9b::192.0.2.33", "64:ff9b::c000:221"],
  ["1::", "1::"],
];

for (const [text, expected] of SPELLINGS) {
  test(`${text} is written ${expected}`, () => {
    assert.equal(normalizeAddress(text), expected);
    assert.equal(normalizeAddress(expected), expected);
  });
}

for (const text of [
  "",
  "1.2.3",
  "1.2.3.4.5",
  "256.1.1.1",
  "01.2.3.4",
  "1:2:3:4:5:6:7",
  "1:2:3:4:5:6:7:8:9",
  "::1::",
  ":::",
  "1:2:3:4:5:6:7::8",
  "g::",
  "::1.2.3.4.5",
  "1.2.3.4::",
  "localhost",
  "[::1",
  "12345::",
]) {
  test(`${JSON.stringify(text)} is no address`, () => assert.equal(parseAddress(text), null));
}

test("every IPv6 address survives being written and read (seeded)", () => {
  const seed = Number(process.env["SEED"] ?? 7);
  let state = seed;
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  for (let round = 0; round < 2000; round++) {
    const bytes = Uint8Array.from({ length: 16 }, () => (next() < 0.5 ? 0 : Math.floor(next() * 256)));
    const text = formatAddress(bytes);
    const again = parseAddress(text);
    assert.ok(again !== null && formatAddress(again) === text, `SEED=${seed} ${text}`);
    if (again.length === 16) assert.deepEqual(again, bytes, `SEED=${seed} ${text}`);
  }
});

const PREFIXES: readonly (readonly [string, string, boolean])[] = [
  ["192.168.0.0/16", "192.168.255.1", true],
  ["192.168.0.0/16", "192.169.0.1", false],
  ["10.0.0.0/9", "10.127.1.1", true],
  ["10.0.0.0/9", "10.128.1.1", false],
  ["0.0.0.0/0", "8.8.8.8", true],
  ["0.0.0.0/0", "::1", false],
  ["192.168.1.7", "192.168.1.7", true],
  ["fd00::/8", "fdab::1", true],
  ["2001:db8::/33", "2001:db8:8000::1", false],
  ["::ffff:10.0.0.0/104", "10.200.1.1", true],
  ["::ffff:10.0.0.0/104", "11.0.0.1", false],
];
for (const [cidr, address, inside] of PREFIXES) {
  test(`${address} is ${inside ? "" : "not "}in ${cidr}`, () => {
    const parsed = parseCidr(cidr);
    const bytes = parseAddress(address);
    assert.ok(parsed !== null && bytes !== null);
    assert.equal(matchesCidr(parsed, bytes), inside);
  });
}

for (const text of [
  "1.2.3.4/33",
  "1.2.3.4/-1",
  "1.2.3.4/",
  "1.2.3.4/8/8",
  "::/129",
  "lan",
  "::ffff:10.0.0.0/90",
]) {
  test(`${text} is no prefix`, () => assert.equal(parseCidr(text), null));
}

const SCOPES: readonly (readonly [string, string])[] = [
  ["127.3.2.1", "loopback"],
  ["::1", "loopback"],
  ["::ffff:127.0.0.1", "loopback"],
  ["10.1.1.1", "lan"],
  ["172.16.0.1", "lan"],
  ["172.32.0.1", "remote"],
  ["192.168.1.1", "lan"],
  ["100.64.0.1", "lan"],
  ["100.128.0.1", "remote"],
  ["169.254.1.1", "lan"],
  ["fe80::1", "lan"],
  ["fd12::1", "lan"],
  ["2001:db8:1:2::5", "lan"],
  ["2001:db8:1:3::5", "remote"],
  ["8.8.8.8", "remote"],
];
const INTERFACES = {
  lo: [{ family: "IPv6", address: "::1", cidr: "::1/128" }],
  "br-lan": [
    { family: "IPv4", address: "192.168.1.1", cidr: "192.168.1.1/24" },
    { family: "IPv6", address: "2001:db8:1:2::1", cidr: "2001:db8:1:2::1/64" },
    { family: "IPv6", address: "2001:db8:1:2::53", cidr: "2001:db8:1:2::53/128" },
  ],
  wan: [{ family: "IPv6", address: "2001:db8:ffff::1", cidr: "2001:db8:ffff::1/64" }],
  down: undefined,
};
for (const [address, scope] of SCOPES) {
  test(`a peer at ${address} is ${scope}`, () => {
    const bytes = parseAddress(address);
    assert.ok(bytes !== null);
    assert.equal(classifyAddress(bytes, readOnLinkPrefixes(INTERFACES, ["br-lan"])), scope);
  });
}

test("without named interfaces every link counts, a host route never does", () => {
  assert.equal(readOnLinkPrefixes(INTERFACES, []).length, 2);
  assert.deepEqual(
    [...readOwnAddresses(INTERFACES)],
    ["::1", "192.168.1.1", "2001:db8:1:2::1", "2001:db8:1:2::53", "2001:db8:ffff::1"],
  );
});

for (const host of [
  "127.0.0.1",
  "127.1",
  "0x7f000001",
  "0x7f.1",
  "2130706433",
  "017700000001",
  "0177.0.0.1",
  "[::1]",
  "::",
  "0",
  "0.0.0.0",
  "[::ffff:10.0.0.1]",
  "::ffff:a00:1",
  "::10.0.0.1",
  "64:ff9b::10.0.0.1",
  "2002:0a00:0001::",
  "169.254.169.254",
  "0xA9FEA9FE",
  "fd00:ec2::254",
  "100.100.100.200",
  "192.168.0.1",
  "172.31.255.255",
  "fe80::1%eth0",
  "fec0::1",
  "ff02::1",
  "224.0.0.1",
  "255.255.255.255",
  "localhost",
  "LOCALHOST.",
  "a.localhost",
  " 10.0.0.1 ",
]) {
  test(`${host} is private`, () => assert.equal(isPrivateAddress(host), true));
}
for (const host of [
  "8.8.8.8",
  "1.1.1.1",
  "134744072",
  "2606:4700::1111",
  "64:ff9b::8.8.8.8",
  "2002:0808:0808::",
  "example.com",
  "999.1.1.1",
  "1.2.3.4.5",
  "172.32.0.1",
  "",
]) {
  test(`${JSON.stringify(host)} is not private`, () => assert.equal(isPrivateAddress(host), false));
}
