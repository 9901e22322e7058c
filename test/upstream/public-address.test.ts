/** Only hosts whose every address is public are let through (DNS rebinding). */
import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { createSystemTime } from "../../src/base/system-time.ts";
import { createNameServer, createNames } from "../../src/upstream/dns.ts";
import { createHostsFile } from "../../src/upstream/hosts-file.ts";
import { resolvePublic } from "../../src/upstream/public-address.ts";
import { createPublicOrigins } from "../../src/upstream/public-origin.ts";
import { startStubDns } from "../support/stub-dns.ts";

describe("resolvePublic", async () => {
  const dns = await startStubDns({
    "good.example": ["203.0.113.7", "203.0.113.8"],
    "inside.example": ["192.168.1.1"],
    "mixed.example": ["203.0.113.7", "127.0.0.1"],
    "six.example": ["203.0.113.7", "::1"],
  });
  const time = createSystemTime();
  const names = createNames(time, createHostsFile(time.clock, "/dev/null"), createNameServer([dns.address]));
  after(() => {
    names.close();
    dns.close();
  });

  test("gives the addresses of a public host", async () => {
    const found = await resolvePublic(names, "good.example");
    assert.deepEqual([...found].sort(), ["203.0.113.7", "203.0.113.8"]);
  });

  for (const host of ["inside.example", "mixed.example", "six.example"]) {
    test(`refuses ${host}, which has a private address`, async () => {
      await assert.rejects(resolvePublic(names, host), {
        name: "Failure",
        code: "private_address",
        status: 400,
      });
    });
  }

  test("refuses private literals and names without asking", async () => {
    const before = dns.queries.length;
    for (const host of ["localhost", "127.1", "[::ffff:192.168.0.1]", "169.254.169.254"])
      await assert.rejects(resolvePublic(names, host), { code: "private_address" });
    assert.equal(dns.queries.length, before);
  });

  test("says that a host does not resolve", async () => {
    await assert.rejects(resolvePublic(names, "gone.example"), {
      name: "Failure",
      code: "upstream_dns",
      status: 502,
    });
  });
});

describe("the origin of a URL that came with a request", async () => {
  const dns = await startStubDns({ "good.example": ["203.0.113.7"], "inside.example": ["10.0.0.1"] });
  const origins = createPublicOrigins(createSystemTime(), createNameServer([dns.address]));
  after(() => {
    origins.close();
    dns.close();
  });

  test("is pinned to the addresses that were checked, and goes through no proxy", async () => {
    const origin = await origins.open(new URL("https://good.example:8443/x"));
    assert.deepEqual(origin.addresses, ["203.0.113.7"]);
    assert.equal(origin.host, "good.example");
    assert.equal(origin.port, 8443);
    assert.equal(origin.tls, true);
    assert.equal(origin.proxy, null);
    assert.notEqual(origin.key, "https://good.example:8443");
  });

  test("is refused inside the own network", async () => {
    await assert.rejects(origins.open(new URL("https://inside.example/x")), { code: "private_address" });
    await assert.rejects(origins.open(new URL("https://2130706433/x")), { code: "private_address" });
  });
});
