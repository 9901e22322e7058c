/** Rules for browsers, proxies and administrators, as a page, a proxy or a stranger meets them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { parseCidr } from "../../src/base/net.ts";
import { describeAllow, isAdminPeer, parseAdminAllow } from "../../src/http/admin.ts";
import {
  type BrowserRules,
  checkBrowser,
  corsHeaders,
  isKnownHost,
  isPreflight,
  preflightHeaders,
} from "../../src/http/browser.ts";
import { identifyClient, isTrustedProxy, type PeerRules } from "../../src/http/peer.ts";

const RULES: BrowserRules = { hostNames: ["router.lan"], corsOrigins: [] };
const cidr = (text: string) => {
  const parsed = parseCidr(text);
  assert.ok(parsed !== null);
  return parsed;
};

for (const [host, known] of [
  ["192.168.1.1", true],
  ["192.168.1.1:4000", true],
  ["[::1]:4000", true],
  ["[fe80::1]", true],
  ["localhost", true],
  ["LOCALHOST:4000", true],
  ["a.localhost", true],
  ["router.lan:4000", true],
  ["Router.LAN", true],
  ["router.lan.", true],
  ["evil.example", false],
  ["router.lan.evil.example", false],
  ["192.168.1.1.evil.example", false],
  ["127.1", false],
  ["", false],
  ["a@localhost", false],
  ["localhost:99999999", false],
  ["localhost/x", false],
] as const) {
  test(`Host ${JSON.stringify(host)} is ${known ? "ours" : "not ours"}`, () => {
    assert.equal(isKnownHost(host, RULES.hostNames), known);
  });
}

const code = (method: string, headers: string[], admin: boolean) =>
  checkBrowser(method, headers, admin, RULES)?.code ?? "served";

test("a name that an attacker can rebind is refused on admin routes and for every page", () => {
  assert.equal(code("GET", ["host", "evil.example"], true), "unknown_host");
  assert.equal(
    code("POST", ["host", "evil.example", "origin", "http://evil.example"], false),
    "unknown_host",
  );
  assert.equal(code("GET", ["host", "evil.example", "sec-fetch-site", "cross-site"], false), "unknown_host");
  assert.equal(code("POST", ["host", "my-gateway.internal"], false), "served");
  assert.equal(code("GET", [], true), "unknown_host");
});

test("an admin route answers its own page and programs, no other page", () => {
  const host = ["host", "192.168.1.1:4000"];
  assert.equal(code("GET", host, true), "served");
  assert.equal(code("GET", [...host, "origin", "http://192.168.1.1:4000"], true), "served");
  assert.equal(code("GET", [...host, "origin", "http://192.168.1.1"], true), "foreign_origin");
  assert.equal(code("GET", [...host, "origin", "null"], true), "foreign_origin");
  assert.equal(code("GET", [...host, "origin", ""], true), "foreign_origin");
  assert.equal(code("GET", [...host, "origin", "http://u@192.168.1.1:4000"], true), "foreign_origin");
  assert.equal(code("GET", [...host, "sec-fetch-site", "cross-site"], true), "foreign_origin");
  assert.equal(code("GET", [...host, "sec-fetch-site", "same-origin"], true), "served");
});

test("a change on an admin route must be JSON, which a form cannot send", () => {
  const host = ["host", "localhost:4000"];
  assert.equal(code("POST", host, true), "content_type");
  assert.equal(code("POST", [...host, "content-type", "text/plain"], true), "content_type");
  assert.equal(code("DELETE", [...host, "content-type", "application/json; charset=utf-8"], true), "served");
  assert.equal(code("POST", [...host, "content-type", "text/plain"], false), "served");
});

const page = (origin: string, more: string[] = []) => ["host", "localhost", "origin", origin, ...more];

test("without configured origins there are no CORS headers at all", () => {
  assert.deepEqual(corsHeaders(page("http://nas.lan:3000"), false, RULES), []);
  assert.deepEqual(preflightHeaders(page("http://nas.lan:3000"), ["POST"], false, RULES), []);
});

test("configured origins get CORS headers, others get none, admin routes never", () => {
  const rules = { ...RULES, corsOrigins: ["http://nas.lan:3000"] };
  assert.deepEqual(corsHeaders(page("http://nas.lan:3000"), false, rules), [
    "access-control-allow-origin",
    "http://nas.lan:3000",
    "access-control-expose-headers",
    "*",
    "vary",
    "origin",
  ]);
  assert.deepEqual(corsHeaders(page("http://nas.lan"), false, rules), ["vary", "origin"]);
  assert.deepEqual(corsHeaders(["host", "localhost"], false, rules), []);
  assert.deepEqual(corsHeaders(page("http://nas.lan:3000"), true, rules), []);
  assert.deepEqual(corsHeaders(page("x://y"), false, { ...RULES, corsOrigins: ["*"] }).slice(0, 2), [
    "access-control-allow-origin",
    "*",
  ]);
});

test("a preflight is told the methods and gets its headers back", () => {
  const rules = { ...RULES, corsOrigins: ["*"] };
  const asked = page("http://a", [
    "access-control-request-method",
    "POST",
    "access-control-request-headers",
    "authorization,x-stainless-os",
  ]);
  assert.equal(isPreflight("OPTIONS", asked), true);
  assert.equal(isPreflight("GET", asked), false);
  assert.equal(isPreflight("OPTIONS", page("http://a")), false);
  const answer = preflightHeaders(asked, ["POST", "OPTIONS"], false, rules);
  assert.equal(answer[answer.indexOf("access-control-allow-methods") + 1], "POST, OPTIONS");
  assert.equal(answer[answer.indexOf("access-control-allow-headers") + 1], "authorization,x-stainless-os");
  assert.deepEqual(preflightHeaders(asked, ["POST"], true, rules), []);
  const odd = page("http://a", [
    "access-control-request-method",
    "POST",
    "access-control-request-headers",
    'a\u00e9"b',
  ]);
  assert.equal(preflightHeaders(odd, ["POST"], false, rules).includes("access-control-allow-headers"), false);
});

const PEERS: PeerRules = {
  trustedProxies: [cidr("10.0.0.2/32"), cidr("10.0.0.3/32")],
  onLink: [cidr("2001:db8:1::/64")],
  ownAddresses: new Set(["203.0.113.7", "192.168.1.1"]),
};
const identify = (address: string, headers: string[] = [], localAddress = "") => {
  const client = identifyClient({ address, localAddress }, headers, PEERS);
  return `${client.address} ${client.scope}${client.unknownProxy ? " unknown proxy" : ""}`;
};

for (const [name, seen, expected] of [
  ["loopback", identify("127.0.0.1"), "127.0.0.1 loopback"],
  ["a LAN address", identify("192.168.1.20"), "192.168.1.20 lan"],
  ["a global address of our own link", identify("2001:db8:1::9"), "2001:db8:1::9 lan"],
  ["a stranger", identify("198.51.100.1"), "198.51.100.1 remote"],
  ["own address to own address", identify("198.51.100.9", [], "198.51.100.9"), "198.51.100.9 loopback"],
  ["one of our addresses, whatever it was sent to", identify("203.0.113.7"), "203.0.113.7 loopback"],
  [
    "a tunnel on the device itself",
    identify("127.0.0.1", ["x-forwarded-for", "198.51.100.1"]),
    "127.0.0.1 remote unknown proxy",
  ],
  [
    "a stranger who claims to be local",
    identify("198.51.100.1", ["x-forwarded-for", "127.0.0.1"]),
    "198.51.100.1 remote unknown proxy",
  ],
  ["Forwarded", identify("127.0.0.1", ["forwarded", "for=1.2.3.4"]), "127.0.0.1 remote unknown proxy"],
  ["X-Real-IP", identify("192.168.1.20", ["x-real-ip", "1.2.3.4"]), "192.168.1.20 remote unknown proxy"],
  [
    "an empty X-Forwarded-For",
    identify("127.0.0.1", ["x-forwarded-for", ""]),
    "127.0.0.1 remote unknown proxy",
  ],
  [
    "a trusted proxy for a LAN client",
    identify("10.0.0.2", ["x-forwarded-for", "192.168.1.5"]),
    "192.168.1.5 lan",
  ],
  [
    "a trusted proxy, forged first entry",
    identify("10.0.0.2", ["x-forwarded-for", "127.0.0.1, 198.51.100.1"]),
    "198.51.100.1 remote",
  ],
  [
    "two trusted proxies",
    identify("10.0.0.2", ["x-forwarded-for", "198.51.100.1", "x-forwarded-for", "10.0.0.3"]),
    "198.51.100.1 remote",
  ],
  [
    "a trusted proxy that adds the port",
    identify("10.0.0.2", ["x-forwarded-for", "[2001:db8:1::9]:443"]),
    "2001:db8:1::9 lan",
  ],
  [
    "a trusted proxy with X-Real-IP only",
    identify("10.0.0.2", ["x-real-ip", "192.168.1.5"]),
    "192.168.1.5 lan",
  ],
  [
    "a trusted proxy that sends nonsense",
    identify("10.0.0.2", ["x-forwarded-for", "unknown"]),
    "10.0.0.2 remote",
  ],
  ["a trusted proxy asking for itself", identify("10.0.0.2"), "10.0.0.2 lan"],
  ["no address at all", identify(""), " remote"],
] as const) {
  test(`${name}: ${expected}`, () => assert.equal(seen, expected));
}

test("[admin] allow: loopback, lan and prefixes; a proxy nobody vouches for is none of them", () => {
  const may = (allow: string[], address: string, headers: string[] = []) =>
    isAdminPeer(identifyClient({ address, localAddress: "" }, headers, PEERS), parseAdminAllow(allow));
  assert.equal(may(["loopback"], "127.0.0.1"), true);
  assert.equal(may(["loopback"], "192.168.1.20"), false);
  assert.equal(may(["lan"], "192.168.1.20"), true);
  assert.equal(may(["lan"], "127.0.0.1"), true);
  assert.equal(may(["lan"], "198.51.100.1"), false);
  assert.equal(may(["198.51.100.0/24"], "198.51.100.1"), true);
  assert.equal(may(["198.51.100.0/24"], "127.0.0.1"), false);
  assert.equal(may(["loopback"], "127.0.0.1", ["x-forwarded-for", "1.2.3.4"]), false);
  assert.equal(may(["198.51.100.0/24"], "198.51.100.1", ["forwarded", "for=x"]), false);
  assert.equal(may([], "127.0.0.1"), false);
  assert.equal(describeAllow([]), "nobody");
  assert.equal(describeAllow(["loopback", "lan"]), "loopback, lan");
  assert.equal(isTrustedProxy("10.0.0.2", PEERS.trustedProxies), true);
  assert.equal(isTrustedProxy("10.0.0.9", PEERS.trustedProxies), false);
});
