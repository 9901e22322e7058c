/** Only hosts whose every address is public are let through (DNS rebinding). */
import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { createSystemTime } from "../../src/base/system-time.ts";
import { createNameServer, createNames } from "../../src/upstream/dns.ts";
import { createHostsFile } from "../../src/upstream/hosts-file.ts";
import { resolvePublic } from "../../src/upstream/public-address.ts";
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
