import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { createNameServer, createNames, type NameServer } from "../../src/upstream/dns.ts";
import { createHostsFile, type HostsFile, parseHosts } from "../../src/upstream/hosts-file.ts";
import { originOf } from "../../src/upstream/origin.ts";
import { answer } from "../support/answers.ts";
import { type FakeTime, fakeTime } from "../support/fake-time.ts";
import { startUpstream } from "../support/scripted-upstream.ts";
import { startStubDns } from "../support/stub-dns.ts";
import { testClient } from "../support/upstream-call.ts";

interface Asked {
  readonly name: string;
  readonly family: 4 | 6;
  readonly done: (code: string, addresses: readonly string[]) => void;
}

/** A name server whose answers the test gives by hand. */
function byHand() {
  const asked: Asked[] = [];
  let renewed = 0;
  const server: NameServer = {
    query: (name, family, done) => asked.push({ name, family, done }),
    renew: () => {
      renewed += 1;
    },
    close: () => {},
  };
  function reply(family: 4 | 6, code: string, addresses: readonly string[] = []): void {
    const at = asked.findIndex((each) => each.family === family);
    assert.ok(at >= 0, `no query for family ${family}`);
    asked.splice(at, 1)[0]?.done(code, addresses);
  }
  return { server, asked, reply, renewed: () => renewed };
}

interface Answer {
  error: string;
  addresses: readonly string[];
}

function addressesOf(held: { answer: Answer | null }): readonly string[] {
  return held.answer?.addresses ?? [];
}

function namesOn(server: NameServer, time: FakeTime = fakeTime()) {
  const file = createHostsFile(time.clock, "/nonexistent/hosts");
  // The hosts file is read for real, in its own time.
  let read: Promise<unknown> = Promise.resolve();
  const hosts: HostsFile = {
    lookup(name) {
      const addresses = file.lookup(name);
      read = addresses;
      return addresses;
    },
  };
  const names = createNames(time, hosts, server);
  async function ask(name: string): Promise<{ answer: Answer | null }> {
    const held: { answer: Answer | null } = { answer: null };
    names.resolve(name, (error, addresses) => {
      held.answer = { error, addresses };
    });
    await time.run(0);
    await read;
    await time.run(0);
    return held;
  }
  return { time, names, ask };
}

test("an address is its own answer, at once", () => {
  const { names } = namesOn(byHand().server);
  for (const address of ["127.0.0.1", "::1", "2001:db8::1"]) {
    let got: readonly string[] = [];
    names.resolve(address, (_, addresses) => {
      got = addresses;
    });
    assert.deepEqual(got, [address]);
  }
});

test("localhost needs no name server", async () => {
  const hand = byHand();
  const { ask } = namesOn(hand.server);
  assert.deepEqual((await ask("LOCALHOST.")).answer?.addresses, ["127.0.0.1", "::1"]);
  assert.equal(hand.asked.length, 0);
});

test("both families are asked at once, and both are given when both come in time", async () => {
  const hand = byHand();
  const { ask, time } = namesOn(hand.server);
  const held = await ask("Example.ORG");
  assert.deepEqual(
    hand.asked.map(({ name, family }) => `${name} ${family}`),
    ["example.org 6", "example.org 4"],
  );
  hand.reply(4, "", ["192.0.2.1"]);
  await time.run(20);
  assert.ok(held.answer === null);
  hand.reply(6, "", ["2001:db8::1"]);
  assert.deepEqual(addressesOf(held), ["192.0.2.1", "2001:db8::1"]);
});

test("a family whose answer never comes holds the other up for 50 ms only", async () => {
  const hand = byHand();
  const { ask, time } = namesOn(hand.server);
  const held = await ask("example.org");
  hand.reply(4, "", ["192.0.2.1"]);
  await time.run(51);
  assert.deepEqual(held.answer?.addresses, ["192.0.2.1"]);
});

test("an answer is good for 30 s; a name that is asked for meanwhile is asked once", async () => {
  const hand = byHand();
  const { ask, time } = namesOn(hand.server);
  const first = await ask("example.org");
  const second = await ask("example.org");
  assert.equal(hand.asked.length, 2);
  hand.reply(6, "ENODATA");
  hand.reply(4, "", ["192.0.2.1"]);
  assert.deepEqual(first.answer?.addresses, ["192.0.2.1"]);
  assert.deepEqual(second.answer?.addresses, ["192.0.2.1"]);
  await time.run(29_900);
  assert.deepEqual((await ask("example.org")).answer?.addresses, ["192.0.2.1"]);
  assert.equal(hand.asked.length, 0);
  await time.run(200);
  await ask("example.org");
  assert.equal(hand.asked.length, 2);
});

test("while the resolver is down the old answer serves for an hour, and the servers are read anew", async () => {
  const hand = byHand();
  const { ask, time } = namesOn(hand.server);
  await ask("example.org");
  hand.reply(6, "ENODATA");
  hand.reply(4, "", ["192.0.2.1"]);
  await time.run(31_000);
  const patient = await ask("example.org");
  assert.equal(patient.answer, null);
  await time.run(500);
  assert.deepEqual(patient.answer, { error: "", addresses: ["192.0.2.1"] });
  hand.reply(6, "ETIMEOUT");
  hand.reply(4, "ETIMEOUT");
  assert.equal(hand.renewed(), 1);
  const atOnce = await ask("example.org");
  assert.deepEqual(atOnce.answer?.addresses, ["192.0.2.1"]);
  hand.reply(6, "ECONNREFUSED");
  hand.reply(4, "ECONNREFUSED");
  await time.run(3_600_000);
  const tooOld = await ask("example.org");
  hand.reply(6, "ETIMEOUT");
  hand.reply(4, "ETIMEOUT");
  assert.match(tooOld.answer?.error ?? "", /no name server answered for example\.org \(ETIMEOUT\)/);
});

test("when the resolver is back its new answer is taken", async () => {
  const hand = byHand();
  const { ask, time } = namesOn(hand.server);
  await ask("example.org");
  hand.reply(6, "ENODATA");
  hand.reply(4, "", ["192.0.2.1"]);
  await time.run(31_000);
  const changed = await ask("example.org");
  hand.reply(6, "ENODATA");
  hand.reply(4, "", ["192.0.2.9"]);
  assert.deepEqual(changed.answer?.addresses, ["192.0.2.9"]);
  assert.equal(time.pending, 0);
});

test("a name that the server says does not exist fails, old answer or not", async () => {
  const hand = byHand();
  const { ask, time } = namesOn(hand.server);
  await ask("example.org");
  hand.reply(6, "ENODATA");
  hand.reply(4, "", ["192.0.2.1"]);
  await time.run(31_000);
  const gone = await ask("example.org");
  hand.reply(6, "ENOTFOUND");
  hand.reply(4, "ENOTFOUND");
  assert.match(gone.answer?.error ?? "", /example\.org does not resolve \(ENOTFOUND\)/);
});

test("no more than 256 names are remembered", async () => {
  const hand = byHand();
  const { ask } = namesOn(hand.server);
  for (let i = 0; i < 300; i += 1) {
    await ask(`n${i}.example`);
    hand.reply(6, "", []);
    hand.reply(4, "", ["192.0.2.1"]);
  }
  await ask("n299.example");
  assert.equal(hand.asked.length, 0);
  await ask("n0.example");
  assert.equal(hand.asked.length, 2);
});

test("the hosts file: aliases, comments, case, both families, junk", () => {
  const names = parseHosts("127.0.0.1 a A.local # b\n::1\ta\n#127.0.0.9 c\nbogus d\n\n192.0.2.1 e");
  assert.deepEqual(names.get("a"), ["127.0.0.1", "::1"]);
  assert.deepEqual(names.get("a.local"), ["127.0.0.1"]);
  assert.deepEqual([names.has("b"), names.has("c"), names.has("d")], [false, false, false]);
  assert.deepEqual(names.get("e"), ["192.0.2.1"]);
});

async function onStub(t: TestContext, table: Record<string, readonly string[]>, hosts = "") {
  const folder = mkdtempSync(join(tmpdir(), "sluice-hosts-"));
  writeFileSync(join(folder, "hosts"), hosts);
  const stub = await startStubDns(table);
  const upstream = await startUpstream(answer({ body: "ok", headers: { connection: "close" } }));
  const client = testClient({
    nameServer: createNameServer([stub.address]),
    hostsFile: join(folder, "hosts"),
  });
  t.after(async () => {
    client.close();
    stub.close();
    await upstream.close();
    rmSync(folder, { recursive: true });
  });
  const originFor = (name: string) => originOf(`http://${name}:${upstream.port}`);
  return { stub, upstream, originFor, ...client };
}

test("a real name server is asked, and an address that refuses gives way to one that does not", async (t) => {
  const { ask, originFor, stub, upstream } = await onStub(t, { "api.example": ["::1", "127.0.0.1"] });
  const outcome = await ask(originFor("api.example"));
  assert.equal(outcome.failure, null, outcome.failure?.message);
  assert.equal(upstream.requests[0]?.header("host"), `api.example:${upstream.port}`);
  assert.deepEqual([...stub.queries].sort(), ["api.example A", "api.example AAAA"]);
  await ask(originFor("api.example"));
  assert.equal(stub.queries.length, 2);
});

test("a name that does not resolve fails as dns and names itself", async (t) => {
  const { ask, originFor } = await onStub(t, {});
  const { failure } = await ask(originFor("nowhere.example"));
  assert.equal(failure?.cause, "dns");
  assert.match(failure?.message ?? "", /nowhere\.example does not resolve/);
});

test("/etc/hosts goes before the name server", async (t) => {
  const { ask, originFor, stub } = await onStub(t, {}, "127.0.0.1 nas.lan");
  assert.equal((await ask(originFor("nas.lan"))).failure, null);
  assert.equal(stub.queries.length, 0);
});

test("a dead resolver ends in the connect deadline, and once it is back requests work again", async (t) => {
  const { ask, originFor, stub } = await onStub(t, { "api.example": ["127.0.0.1"] });
  stub.answering = false;
  const dead = await ask(originFor("api.example"), { deadlines: { connect: 300 } });
  assert.equal(dead.failure?.cause, "connect_timeout");
  assert.match(dead.failure?.message ?? "", /name was not resolved/);
  stub.answering = true;
  const back = await ask(originFor("api.example"), { deadlines: { connect: 5000 } });
  assert.equal(back.failure, null, back.failure?.message);
});

test("two look-ups at once both wait for the hosts file", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "sluice-hosts-"));
  t.after(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, "hosts"), "192.0.2.7 printer\n");
  const hosts = createHostsFile(fakeTime().clock, join(folder, "hosts"));
  assert.deepEqual(await Promise.all([hosts.lookup("printer"), hosts.lookup("printer")]), [
    ["192.0.2.7"],
    ["192.0.2.7"],
  ]);
});
