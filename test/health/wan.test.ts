import assert from "node:assert/strict";
import { test } from "node:test";
import { Wan } from "../../src/health/wan.ts";
import { seededRandom, seedOf } from "../support/seed.ts";

const ORIGINS = ["a", "b", "c", "d", "e"];

function down(): Wan {
  const wan = new Wan();
  wan.failed(0, "a", ORIGINS);
  for (let i = 0; i < 3; i++) wan.checked(2000, false);
  assert.equal(wan.isDown, true);
  return wan;
}

test("the first failure of its kind has up to three other public origins checked", () => {
  const wan = new Wan();
  assert.deepEqual(wan.failed(0, "b", ORIGINS), { action: "check", origins: ["a", "c", "d"] });
  assert.equal(wan.state, "checking");
  assert.deepEqual(wan.failed(10, "c", ORIGINS), { action: "discard" }, "seen during the check");
});

test("without another public origin the state is never entered", () => {
  const wan = new Wan();
  for (const origins of [[], ["a"]]) {
    assert.deepEqual(wan.failed(0, "a", origins), { action: "count" });
    assert.equal(wan.state, "up");
  }
});

test("one answer to the check means the way is there, and the failure counts", () => {
  const wan = new Wan();
  wan.failed(0, "a", ORIGINS);
  assert.equal(wan.checked(100, false), "checking");
  assert.equal(wan.checked(200, true), "up");
  assert.equal(wan.checked(300, false), "up", "later ones change nothing");
  assert.deepEqual(
    wan.failed(400, "a", ORIGINS),
    { action: "count" },
    "the same dead host is not checked again at once",
  );
  assert.equal(wan.failed(5200, "a", ORIGINS).action, "check");
});

test("no answer at all means down; failures are discarded from then on", () => {
  const wan = down();
  assert.equal(wan.changedAt, 2000);
  assert.deepEqual(wan.failed(2500, "b", ORIGINS), { action: "discard" });
});

test("while down one connect is made every five seconds, to one origin after the other", () => {
  const wan = down();
  assert.equal(wan.dueConnect(6999), null);
  const asked: (string | null)[] = [];
  for (let i = 0; i < 4; i++) {
    asked.push(wan.dueConnect(7000 + i * 5000));
    assert.equal(wan.dueConnect(7000 + i * 5000), null, "one at a time");
    assert.equal(wan.connected(9000 + i * 5000, false), "down");
  }
  assert.deepEqual(asked, ["b", "c", "d", "a"]);
  assert.notEqual(wan.dueConnect(27_000), null);
  assert.equal(wan.connected(27_100, true), "up");
  assert.equal(wan.changedAt, 27_100);
});

test("requests without a private target share one connect", () => {
  const wan = down();
  assert.notEqual(wan.joinConnect(2100), null);
  assert.equal(wan.joinConnect(2200), null);
  assert.equal(wan.dueConnect(60_000), null);
  wan.connected(4100, false);
  assert.notEqual(wan.joinConnect(4200), null);
  assert.equal(wan.connected(4300, true), "up");
  assert.equal(wan.joinConnect(4400), null, "nothing to find out while up");
});

test("any answer of a public target ends the state, also in the middle of a check", () => {
  const wan = down();
  wan.answered(3000);
  assert.equal(wan.state, "up");
  wan.failed(3100, "a", ORIGINS);
  assert.equal(wan.state, "checking");
  wan.answered(3200);
  assert.equal(wan.state, "up");
});

test("a reload that leaves no public origin ends the state, one that leaves some goes on with those", () => {
  const wan = down();
  wan.configure(3000, ["d", "x"]);
  assert.equal(wan.dueConnect(7000), "d");
  wan.connected(7100, false);
  wan.configure(7200, ["x"]);
  assert.equal(wan.state, "up");
});

test("whatever the order of events, the state is one of three and it never gets stuck", () => {
  const seed = seedOf(21);
  const random = seededRandom(seed);
  const wan = new Wan();
  let now = 0;
  let checks = 0;
  let connecting = false;
  for (let i = 0; i < 20_000; i++) {
    now += random() * 3000;
    const what = random();
    if (what < 0.5) {
      const decision = wan.failed(now, ORIGINS[Math.floor(random() * 5)] ?? "a", ORIGINS);
      if (decision.action === "check") checks = decision.origins.length;
    } else if (what < 0.7 && checks > 0) {
      checks--;
      wan.checked(now, random() < 0.1);
    } else if (what < 0.8 && !connecting) connecting = wan.dueConnect(now) !== null;
    else if (what < 0.9 && connecting) {
      connecting = false;
      wan.connected(now, random() < 0.5);
    } else if (what > 0.99) wan.answered(now);
    assert.ok(["up", "checking", "down"].includes(wan.state), `SEED=${seed}`);
    if (wan.state === "checking") assert.ok(checks > 0, `a check without an end, SEED=${seed}`);
  }
});
