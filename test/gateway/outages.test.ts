/** Outages in simulated time, with the built-in defaults: what callers wait for and what the dead target is asked. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { chat, failure, HEAD_AND_SILENCE, SILENCE, serverError } from "../support/fake-answers.ts";
import type { Acts } from "../support/fake-network.ts";
import { openaiChatEvents } from "../support/openai-answers.ts";
import { providerOf, simulatedConfig } from "../support/simulated-config.ts";
import type { SimulatedGateway } from "../support/simulated-gateway.ts";
import {
  type Asked,
  ask,
  assertAnswered,
  assertClean,
  healthy,
  type Server,
  sendsTo,
  world,
} from "../support/simulated-world.ts";

describe("a primary that flaps, one request every 4 s", () => {
  for (const stream of [false, true]) {
    test(`answers 500 for 60 s: every caller is answered, it is asked little, and it is back in time (stream: ${stream})`, () => {
      const sim = world({
        a: (s, now) => (now < 60_000 ? serverError() : healthy(200)(s)),
        b: healthy(300),
      });
      let back = -1;
      let opened = -1;
      for (let at = 0; at < 120_000; at += 4000) {
        const asked = ask(sim, stream);
        sim.time.advance(4000);
        assertAnswered(asked);
        const attempts = sendsTo(sim, "a", at, at + 4000);
        if (opened >= 0) assert.ok(attempts <= 1 || at >= 60_000, `${attempts} primary attempts at ${at}`);
        if (sim.gateway.status().models[0]?.targets[0]?.circuit !== "closed") opened = at;
        if (back < 0 && asked.exchange.header("x-sluice-provider") === "a") back = at;
      }
      assert.ok(back >= 60_000 && back <= 60_000 + 1.1 * 15_000 + 4000, `back at ${back}`);
      assertClean(sim);
    });
  }

  test("hangs for 60 s: no caller waits longer than first_token and the backup, while it is open none 1 s longer", () => {
    const sim = world({ a: (s, now) => (now < 60_000 ? SILENCE : healthy(200)(s)), b: healthy(300) });
    let back = -1;
    const all: { readonly asked: Asked; readonly status: string | undefined }[] = [];
    for (let at = 0; at < 400_000; at += 4000) {
      const status = sim.gateway.status().models[0]?.targets[0]?.status;
      all.push({ asked: ask(sim, true), status });
      sim.time.advance(4000);
    }
    sim.time.advance(60_000);
    for (const { asked, status } of all) {
      assertAnswered(asked);
      assert.ok(asked.took <= 12_000 + 400 + 100, `${asked.took} ms at ${asked.from}`);
      if (status === "open" || status === "suspect")
        assert.ok(asked.took <= 1000 + 400 + 100, `${asked.took} ms at ${asked.from} while ${status}`);
      if (back < 0 && asked.from >= 60_000 && asked.exchange.header("x-sluice-provider") === "a")
        back = asked.from;
    }
    assert.ok(back <= 60_000 + 1.1 * 15_000 + 4000, `back at ${back}`);
    assertClean(sim);
  });
});

describe("300 requests in flight", () => {
  const dying =
    (diesAt: number): Server =>
    (stream, now) => {
      if (now >= diesAt) return failure("refused");
      const acts = chat(stream, { text: "never to be seen" }, { firstMs: 60_000 });
      return [
        ...acts.slice(0, 1).map((act) => ({ ...act, afterMs: 1 })),
        { afterMs: diesAt - now, fail: { cause: "cut", message: "died", missing: -1 } },
      ];
    };

  for (const stream of [false, true]) {
    test(`when the primary dies: all are answered by the backup, none refused for a budget (stream: ${stream})`, () => {
      const sim = world({ a: dying(3000), b: healthy(300) });
      const all = Array.from({ length: 300 }, () => {
        sim.time.advance(5);
        return ask(sim, stream);
      });
      sim.time.advance(30_000);
      for (const asked of all) assertAnswered(asked, "b");
      assertClean(sim);
    });
  }

  test("streams, when the primary falls silent: answered within first_token + 2 s and the backup's time", () => {
    const sim = world({ a: () => HEAD_AND_SILENCE, b: healthy(300) });
    const all = Array.from({ length: 300 }, () => ask(sim, true));
    sim.time.advance(60_000);
    for (const asked of all) {
      assertAnswered(asked, "b");
      assert.ok(asked.took <= 12_000 + 2000 + 400, `${asked.took} ms`);
    }
    assertClean(sim);
  });

  test("streams, when two of three targets are silent: all answered by the third", () => {
    const sim = world({ a: () => SILENCE, b: () => HEAD_AND_SILENCE, c: healthy(300) });
    const all = Array.from({ length: 300 }, () => ask(sim, true));
    sim.time.advance(120_000);
    for (const asked of all) assertAnswered(asked, "c");
    assertClean(sim);
  });
});

describe("a request", () => {
  for (const stream of [false, true]) {
    test(`with two dead targets and a third healthy one is answered (stream: ${stream})`, () => {
      const sim = world({ a: () => failure("refused"), b: () => serverError(503), c: healthy(100) });
      const asked = ask(sim, stream);
      sim.time.advance(20_000);
      assertAnswered(asked, "c");
      assertClean(sim);
    });

    test(`to a lone provider that was down for 10 s is the first to be answered after its return (stream: ${stream})`, () => {
      const sim = world({ a: (s, now) => (now < 10_000 ? failure("refused") : healthy(100)(s)) });
      for (let at = 0; at < 10_000; at += 500) {
        const asked = ask(sim, stream);
        sim.time.advance(500);
        assert.equal(asked.exchange.status, 502, asked.exchange.text);
      }
      const asked = ask(sim, stream);
      sim.time.advance(1000);
      assertAnswered(asked, "a");
      assert.equal(sim.gateway.status().models[0]?.targets[0]?.circuit, "closed");
      assertClean(sim);
    });
  }

  test("to a lone provider opened by timeouts goes as the probe, and the others wait for it", () => {
    const sim = world({ a: (s, now) => (now < 700_000 ? SILENCE : healthy(2000)(s)) });
    for (let i = 0; i < 3; i++) {
      ask(sim, true);
      sim.time.advance(190_000);
    }
    assert.notEqual(sim.gateway.status().models[0]?.targets[0]?.circuit, "closed");
    sim.time.advance(700_000 - sim.time.clock.now());
    const before = sim.network.requests.length;
    const all = Array.from({ length: 20 }, () => ask(sim, true));
    assert.equal(sim.network.requests.length - before, 1, "one probe");
    sim.time.advance(10_000);
    for (const asked of all) assertAnswered(asked, "a");
    assertClean(sim);
  });
});

describe("a lone provider whose probe was sent before it came back", () => {
  for (const stream of [false, true]) {
    test(`costs those who wait for the probe first_token, not the probe's own deadline (stream: ${stream})`, () => {
      let back = Number.POSITIVE_INFINITY;
      const sim = world({ a: (s, now) => (now < back ? SILENCE : healthy(2000)(s)) });
      for (let i = 0; i < 3; i++) {
        ask(sim, true);
        sim.time.advance(190_000);
      }
      assert.notEqual(sim.gateway.status().models[0]?.targets[0]?.circuit, "closed");
      const before = sim.network.requests.length;
      ask(sim, true);
      back = sim.time.clock.now() + 1000;
      sim.time.advance(500);
      const all = Array.from({ length: 40 }, () => ask(sim, stream));
      sim.time.advance(11_000);
      assert.equal(sim.network.requests.length - before, 1, "one probe");
      sim.time.advance(7000);
      for (const asked of all) {
        assertAnswered(asked, "a");
        assert.ok(asked.took <= 12_000 + 2 * 2100, `${asked.took} ms`);
      }
      assert.ok(sim.network.requests.length - before <= 1 + 40, "each once");
      sim.time.advance(200_000);
      assertClean(sim);
    });
  }

  test("is asked by a few of those who wait at a time while it stays silent", () => {
    const sim = world({ a: () => SILENCE });
    for (let i = 0; i < 3; i++) {
      ask(sim, true);
      sim.time.advance(190_000);
    }
    const before = sim.network.requests.length;
    for (let i = 0; i < 300; i++) ask(sim, true);
    sim.time.advance(20_000);
    assert.ok(
      sim.network.requests.length - before <= 1 + 10,
      `${sim.network.requests.length - before} sends`,
    );
    sim.time.advance(30 * 60_000);
    assertClean(sim);
  });
});

test("those whose second send had to wait for a probe do not go out all together when it answers", () => {
  const refused = (afterMs: number): Acts => [
    { afterMs: 1, connect: true },
    {
      afterMs: afterMs - 1,
      head: 429,
      headers: ["content-type", "application/json", "retry-after-ms", "1000"],
    },
    { afterMs: 0, data: '{"error":{"message":"slow down","type":"rate_limit_error"}}' },
    { afterMs: 0, end: true },
  ];
  let number = 0;
  const sim = world(
    {
      a: (stream, now) => {
        number++;
        if (number <= 3) return SILENCE;
        if (number <= 33) return refused(905_000 - now);
        if (number <= 63) return refused(920_000 - now);
        return healthy(number === 64 ? 29_000 : 500)(stream);
      },
    },
    { isPrivate: ["a"] },
  );
  for (let i = 0; i < 3; i++) ask(sim, true);
  sim.time.advance(890_000);
  const all = Array.from({ length: 60 }, () => ask(sim, true));
  sim.time.advance(11_000);
  const probe = ask(sim, true);
  sim.time.advance(28_000);
  assert.equal(sim.network.requests.length, 64, "they wait for the probe");
  const { waiting } = sim.gateway.status().requests;
  assert.ok(waiting >= 15, `${waiting} wait`);
  sim.time.advance(2000);
  assertAnswered(probe, "a");
  const together = sim.network.requests.length - 64;
  assert.ok(together <= 10, `${together} second sends at once`);
  sim.time.advance(60_000);
  for (const { exchange } of all) assert.ok(exchange.closed && [200, 429, 503].includes(exchange.status));
  assertClean(sim);
});

describe("a late target", () => {
  const silences: Readonly<Record<string, Acts>> = {
    "headers and then silence": HEAD_AND_SILENCE,
    "a role-only event and then silence": [
      ...HEAD_AND_SILENCE,
      { afterMs: 5, data: openaiChatEvents({ text: "x" })[0] ?? "" },
    ],
    "accepted and then silence": SILENCE,
    "a ping every second and no content": [
      ...HEAD_AND_SILENCE,
      ...Array.from({ length: 600 }, () => ({ afterMs: 1000, data: ": ping\n\n" })),
    ],
  };
  for (const [name, acts] of Object.entries(silences)) {
    test(`(${name}) costs the caller first_token + 1 s and the backup's time at most`, () => {
      const sim = world({ a: () => acts, b: healthy(400) });
      const asked = ask(sim, true);
      sim.time.advance(14_000);
      assertAnswered(asked, "b");
      assert.ok(asked.took <= 13_000 + 500, `${asked.took} ms`);
      assert.equal(sim.gateway.status().models[0]?.targets[0]?.status, "suspect");
      sim.time.advance(180_000);
      assert.equal(
        sim.gateway.status().models[0]?.targets[0]?.failures,
        1,
        "the observer's verdict at first_token_max",
      );
      assertClean(sim);
    });
  }

  test("that is always slow but works is not raced once three samples are known, and losing never opens it", () => {
    const sim = world({ a: healthy(20_000), b: healthy(300) });
    for (let i = 0; i < 40; i++) {
      const asked = ask(sim, true);
      sim.time.advance(60_000);
      assertAnswered(asked);
      assert.equal(sim.gateway.status().models[0]?.targets[0]?.circuit, "closed");
    }
    const before = sendsTo(sim, "b");
    const asked = ask(sim, true);
    sim.time.advance(60_000);
    assertAnswered(asked, "a");
    assert.equal(sendsTo(sim, "b"), before);
    assert.equal(sim.gateway.status().models[0]?.targets[0]?.failures, 0);
    assertClean(sim);
  });

  test("that is alone is waited for", () => {
    const sim = world({ a: healthy(100_000) });
    const asked = ask(sim, true);
    sim.time.advance(120_000);
    assertAnswered(asked);
    assert.match(asked.exchange.text, /^: keep-alive/, "committed meanwhile");
    assert.equal(sim.network.requests.length, 1);
    assertClean(sim);
  });

  test("wins when its content comes before the other's, and the other is cancelled", () => {
    const sim = world({ a: healthy(13_000), b: healthy(5000) });
    const asked = ask(sim, true);
    sim.time.advance(20_000);
    assertAnswered(asked, "a");
    assert.equal(sim.network.requests[1]?.outcome, "aborted");
    assertClean(sim);
  });

  test("that has no TCP connection is late after 3 s", () => {
    const sim = world({ a: () => [{ afterMs: 60_000, connect: true }], b: healthy(300) });
    const asked = ask(sim, true);
    sim.time.advance(5000);
    assertAnswered(asked, "b");
    assert.ok(asked.took <= 3500, `${asked.took} ms`);
    assertClean(sim);
  });

  test("in a list of three: at most two run at once, the older is left", () => {
    const sim = world({ a: () => SILENCE, b: () => SILENCE, c: healthy(300) });
    const asked = ask(sim, true);
    sim.time.advance(24_100);
    assert.deepEqual(
      sim.network.requests.map(({ host }) => providerOf(host)),
      ["a", "b", "c"],
    );
    sim.time.advance(1000);
    assertAnswered(asked, "c");
    assertClean(sim);
  });

  test("of a private provider is waited for a minute: it may be loading its model", () => {
    const sim = world({ a: healthy(50_000), b: healthy(300) }, { isPrivate: ["a"] });
    const asked = ask(sim, true);
    sim.time.advance(60_000);
    assertAnswered(asked);
    assert.equal(sim.network.requests.length, 1);
    assertClean(sim);
  });

  test("observes without the caller's body, and its content ends the suspicion", () => {
    const sim = world({
      a: (_s, now) => (now === 0 ? chat(true, { text: "late" }, { firstMs: 40_000 }) : healthy(200)(true)),
      b: healthy(300),
    });
    const asked = ask(sim, true);
    sim.time.advance(13_000);
    assertAnswered(asked, "b");
    assert.equal(sim.gateway.status().memory.bodies.used, 0);
    assert.equal(sim.network.open, 1);
    assert.equal(sim.gateway.active, 0);
    sim.time.advance(30_000);
    const target = sim.gateway.status().models[0]?.targets[0];
    assert.deepEqual([target?.status, target?.failures, target?.streamLatency], ["warm", 0, 40_000]);
    assert.equal(sim.network.open, 0);
    assertClean(sim);
  });

  test("an observer ends with a drain, and with a reload that drops its target", () => {
    for (const end of ["drain", "reload"]) {
      const sim = world({ a: () => SILENCE, b: healthy(300) });
      ask(sim, true);
      sim.time.advance(13_000);
      assert.equal(sim.network.open, 1);
      if (end === "drain") sim.gateway.startDrain();
      else sim.reload(simulatedConfig({ providers: ["b"] }));
      assert.equal(sim.network.open, 0, end);
      assertClean(sim);
    }
  });
});

describe("a probe", () => {
  function open(server: Server): SimulatedGateway {
    const sim = world({
      a: (s, now, request) => (now < 10_000 ? serverError() : server(s, now, request)),
      b: healthy(300),
    });
    for (let i = 0; i < 4; i++) {
      ask(sim, true);
      sim.time.advance(1000);
    }
    assert.equal(sim.gateway.status().models[0]?.targets[0]?.circuit, "open");
    sim.time.advance(20_000);
    return sim;
  }

  test("that hangs costs its caller 1 s, and is the only one", () => {
    const sim = open(() => SILENCE);
    const before = sendsTo(sim, "a");
    const all = Array.from({ length: 10 }, () => ask(sim, true));
    sim.time.advance(2000);
    for (const asked of all) {
      assertAnswered(asked, "b");
      assert.ok(asked.took <= 1500, `${asked.took}`);
    }
    assert.equal(sendsTo(sim, "a") - before, 1);
    assertClean(sim);
  });

  test("that hangs costs a non-streaming caller the backup's average and 1 s, or 5 s", () => {
    const sim = open(() => SILENCE);
    const asked = ask(sim, false);
    sim.time.advance(8000);
    assertAnswered(asked, "b");
    assert.ok(asked.took <= 5500, `${asked.took}`);
    assertClean(sim);
  });

  test("that answers closes the circuit, and gives its permit back when its caller goes", () => {
    const sim = open(healthy(200));
    const gone = ask(sim, true);
    sim.time.advance(50);
    gone.exchange.abort();
    const asked = ask(sim, true);
    sim.time.advance(1000);
    assertAnswered(asked, "a");
    assert.equal(sim.gateway.status().models[0]?.targets[0]?.circuit, "closed");
    assertClean(sim);
  });

  test("that is told to slow down closes the circuit and cools the target", () => {
    const sim = open(() => [
      { afterMs: 5, head: 429, headers: ["content-type", "application/json", "retry-after", "40"] },
      { afterMs: 0, data: '{"error":{"message":"slow down","type":"rate_limit_error"}}' },
      { afterMs: 0, end: true },
    ]);
    const asked = ask(sim, true);
    sim.time.advance(1000);
    assertAnswered(asked, "b");
    const target = sim.gateway.status().models[0]?.targets[0];
    assert.deepEqual([target?.circuit, target?.status], ["closed", "limited"]);
    assertClean(sim);
  });
});
