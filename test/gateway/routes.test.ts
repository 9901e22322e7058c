/** Whom requests go to, in simulated time: waits, last resorts, hedges, budgets, conversations, the internet being down. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { chat, failure, HEAD_AND_SILENCE, refusal, SILENCE, serverError } from "../support/fake-answers.ts";
import { openaiChatEvents } from "../support/openai-answers.ts";
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

const limited =
  (header: string, value: string): Server =>
  () =>
    refusal(429, { error: { message: "slow down", type: "rate_limit_error" } }, [header, value]);

describe("with the built-in defaults", () => {
  test("429 with Retry-After 2 is waited out on the same target, with up to 10 % on top", () => {
    const sim = world({
      a: (s, now) =>
        now < 2000 ? limited("retry-after", "2")(s, now, sim.network.requests[0] as never) : healthy(100)(s),
      b: healthy(100),
    });
    const asked = ask(sim, true);
    sim.time.advance(4000);
    assertAnswered(asked, "a");
    const gap = (sim.network.requests[1]?.at ?? 0) - (sim.network.requests[0]?.at ?? 0);
    assert.ok(gap >= 2000 && gap <= 2300, `${gap} ms`);
    assertClean(sim);
  });

  test("20 s of silence after the headers costs the caller under 15 s", () => {
    const slow: Server = () => HEAD_AND_SILENCE;
    const sim = world({ a: slow, b: healthy(800) });
    const asked = ask(sim, true);
    sim.time.advance(20_000);
    assertAnswered(asked, "b");
    assert.ok(asked.took < 15_000, `${asked.took} ms`);
    assertClean(sim);
  });

  test("a context that is too long goes to the larger target only", () => {
    const tooLong: Server = () =>
      refusal(400, { error: { message: "too long", code: "context_length_exceeded" } });
    const sim = world(
      { a: tooLong, b: healthy(100), c: healthy(100) },
      { target: { a: "max_context = 8000", b: "max_context = 8000", c: "max_context = 128000" } },
    );
    const asked = ask(sim, false);
    sim.time.advance(2000);
    assertAnswered(asked, "c");
    assert.equal(sendsTo(sim, "b"), 0);
    assertClean(sim);
  });
});

describe("a cooling target that is alone", () => {
  test("is waited for up to retry_after_max, in order of arrival", () => {
    const sim = world({
      a: (s, now) =>
        now < 2500
          ? refusal(429, { error: { message: "slow" } }, ["retry-after-ms", "2900"])
          : healthy(100)(s),
    });
    const first = ask(sim, false);
    sim.time.advance(500);
    const all = Array.from({ length: 5 }, () => ask(sim, false));
    sim.time.advance(6000);
    for (const asked of [first, ...all]) assertAnswered(asked, "a");
    assert.equal(sendsTo(sim, "a", 0, 2500), 1, "nobody else was sent to be refused");
    assertClean(sim);
  });

  test("with a longer wait: 429 at once, with the time at which it comes back", () => {
    const sim = world({ a: limited("retry-after", "40") });
    for (let i = 0; i < 2; i++) {
      const asked = ask(sim, false);
      sim.time.advance(100);
      assert.equal(asked.exchange.status, 429, asked.exchange.text);
      const wait = Number(asked.exchange.header("retry-after"));
      assert.ok(wait > 35 && wait <= 40, `${wait} s`);
    }
    assert.equal(sendsTo(sim, "a"), 1);
    assertClean(sim);
  });
});

test("all targets benched: asked anyway, so that a key that was put right is noticed", () => {
  const wrong: Server = () => refusal(401, { error: { message: "wrong key", code: "invalid_api_key" } });
  const sim = world({ a: (s, now, request) => (now < 5000 ? wrong(s, now, request) : healthy(50)(s)) });
  const first = ask(sim, false);
  sim.time.advance(5000);
  assert.equal(first.exchange.status, 502);
  const asked = ask(sim, false);
  sim.time.advance(1000);
  assertAnswered(asked, "a");
  assertClean(sim);
});

test("the total deadline ends a request with a 504 that names it, and a committed stream in-band", () => {
  for (const [total, stream] of [
    ["20s", false],
    ["20s", true],
    ["50s", true],
  ] as const) {
    const sim = world({ a: () => SILENCE }, { extra: `[timeouts]\ntotal = "${total}"\n` });
    const asked = ask(sim, stream);
    sim.time.advance(60_000);
    const committed = total === "50s";
    assert.equal(asked.exchange.status, committed ? 200 : 504);
    assert.equal(asked.exchange.how, committed ? "ended" : "responded");
    assert.match(asked.exchange.text, /timeouts\.total/);
    assert.doesNotMatch(asked.exchange.text, /\[DONE\]/);
    assert.equal(asked.took, Number.parseInt(total, 10) * 1000);
    assertClean(sim);
  }
});

test("a stream that waits is committed after 30 s and kept alive every 15 s; what fails then fails in-band", () => {
  const sim = world(
    { a: (_s, now) => [...SILENCE, { afterMs: 100_000 - now, fail: { cause: "reset", message: "gone" } }] },
    { alias: "retry = { per_target = 1 }" },
  );
  const asked = ask(sim, true);
  sim.time.advance(29_900);
  assert.equal(asked.exchange.started, false);
  sim.time.advance(60_000);
  assert.equal(asked.exchange.status, 200);
  assert.equal(asked.exchange.text.match(/: keep-alive/g)?.length, 4);
  sim.time.advance(60_000);
  assert.equal(asked.exchange.how, "ended");
  assert.match(asked.exchange.text, /"error"/);
  assert.doesNotMatch(asked.exchange.text, /\[DONE\]/);
  assertClean(sim);
});

describe("a client that goes", () => {
  const events = openaiChatEvents({ text: "one two three four five" });
  const phases: Readonly<
    Record<
      string,
      { readonly server: Server; readonly stream: boolean; readonly after: number; readonly config?: string }
    >
  > = {
    "before the connection": { server: () => [{ afterMs: 4000, connect: true }], stream: true, after: 1000 },
    "before the head": { server: () => SILENCE, stream: true, after: 1000 },
    "before the head of a whole answer": { server: () => SILENCE, stream: false, after: 1000 },
    "between head and content": { server: () => HEAD_AND_SILENCE, stream: true, after: 1000 },
    "inside the stream": {
      server: (s) => chat(s, { text: "one two three" }, { firstMs: 100, everyMs: 5000 }),
      stream: true,
      after: 1000,
    },
    "inside the body of a whole answer": {
      server: (s) => chat(s, { text: "x" }, { firstMs: 100, cutAfter: 1, how: "stall" }),
      stream: false,
      after: 1000,
    },
    "while a retry is waited for": { server: limited("retry-after", "2"), stream: false, after: 1000 },
    "between the finish reason and the end": {
      server: () => [...HEAD_AND_SILENCE, ...events.slice(0, -1).map((data) => ({ afterMs: 1, data }))],
      stream: true,
      after: 1000,
    },
    "after the commit": { server: () => HEAD_AND_SILENCE, stream: true, after: 40_000 },
  };
  for (const [name, { server, stream, after }] of Object.entries(phases)) {
    test(`${name}: its upstream is cancelled at once, nobody is blamed, nothing is kept`, () => {
      const sim = world({ a: server });
      const asked = ask(sim, stream);
      sim.time.advance(after);
      asked.exchange.abort();
      assert.equal(sim.network.open, 0, "cancelled at once");
      assert.equal(sim.gateway.active, 0);
      assert.equal(sim.gateway.status().memory.bodies.used, 0);
      assert.equal(sim.time.pending, sim.idleTimers, "timers");
      const target = sim.gateway.status().models[0]?.targets[0];
      assert.deepEqual([target?.failures, target?.circuit], [0, "closed"]);
      assert.equal(asked.exchange.ends, 0);
      assertClean(sim);
    });
  }

  test("during a race: both are cancelled", () => {
    const sim = world({ a: () => SILENCE, b: () => SILENCE });
    const asked = ask(sim, true);
    sim.time.advance(13_000);
    assert.equal(sim.network.open, 2);
    asked.exchange.abort();
    assert.equal(sim.network.open, 0);
    assertClean(sim);
  });

  test("while its answer is continued: the finishing target is cancelled", () => {
    const sim = world({
      a: (s) => chat(s, { text: "one two three four five six" }, { firstMs: 50, cutAfter: 4 }),
      b: () => SILENCE,
    });
    const asked = ask(sim, true);
    sim.time.advance(1000);
    assert.equal(sendsTo(sim, "b"), 1);
    asked.exchange.abort();
    assert.equal(sim.network.open, 0);
    assertClean(sim);
  });
});

test("a reader that does not take its answer stops the upstream, and reads on where it stopped", () => {
  const sim = world({ a: (s) => chat(s, { text: "one two three four" }, { firstMs: 50, everyMs: 100 }) });
  const asked = ask(sim, true);
  sim.time.advance(120);
  asked.exchange.blocked = true;
  sim.time.advance(5 * 60_000);
  assert.equal(asked.exchange.how, "", "no deadline runs for the target meanwhile");
  const soFar = asked.exchange.text.length;
  sim.time.advance(60_000);
  assert.equal(asked.exchange.text.length, soFar);
  asked.exchange.drain();
  sim.time.advance(1000);
  assertAnswered(asked, "a");
  assertClean(sim);
});

describe("hedging", () => {
  const hedge = (options: string) => ({
    alias: `hedge = { ${options} }`,
    extra: "[limits]\nmax_streams_per_client = 1000\n",
  });
  test("asks the next after its delay, in both modes, and the first answer wins", () => {
    for (const stream of [false, true]) {
      const sim = world(
        { a: healthy(5000), b: healthy(200) },
        hedge('after = "800ms", max_extra = 1.0, any_price = true'),
      );
      const asked = ask(sim, stream);
      sim.time.advance(8000);
      assertAnswered(asked, "b");
      assert.ok(asked.took >= 1000 && asked.took < 1200, `${asked.took} ms`);
      assert.match(asked.exchange.header("x-sluice-route"), /hedged/);
      assertClean(sim);
    }
  });

  test("keeps to max_extra, and is off while more than half would hedge", () => {
    const sim = world(
      { a: healthy(2000), b: healthy(200) },
      hedge('after = "800ms", max_extra = 0.1, any_price = true'),
    );
    for (let i = 0; i < 40; i++) {
      ask(sim, false);
      sim.time.advance(500);
    }
    assert.ok(sendsTo(sim, "b") <= 5, `${sendsTo(sim, "b")} hedges`);
    assertClean(sim);
  });

  test("that is not allowed leaves the deadlines as they are: without a TCP connection the next is asked after 3 s", () => {
    const sim = world(
      { a: () => [{ afterMs: 60_000, connect: true }], b: healthy(200) },
      hedge('after = "800ms", max_extra = 0.0, any_price = true'),
    );
    const asked = ask(sim, true);
    sim.time.advance(4000);
    assertAnswered(asked, "b");
    assert.ok(asked.took >= 3000 && asked.took <= 3300, `${asked.took} ms`);
    assert.doesNotMatch(asked.exchange.header("x-sluice-route"), /hedged/);
    assertClean(sim);
  });

  test("never goes to a dearer target", () => {
    const sim = world(
      { a: healthy(5000), b: healthy(200) },
      {
        ...hedge('after = "800ms", max_extra = 1.0'),
        target: { a: "price = { input = 1.0, output = 1.0 }", b: "price = { input = 2.0, output = 2.0 }" },
      },
    );
    const asked = ask(sim, false);
    sim.time.advance(8000);
    assertAnswered(asked, "a");
    assert.equal(sendsTo(sim, "b"), 0);
    assertClean(sim);
  });
});

test("the retry budget: of many requests that are told to slow down only so many are repeated, all others move on", () => {
  const sim = world({ a: limited("retry-after-ms", "500"), b: healthy(100) });
  const all = Array.from({ length: 100 }, () => ask(sim, false));
  sim.time.advance(5000);
  for (const asked of all) assertAnswered(asked, "b");
  assert.ok(sendsTo(sim, "a") <= 100 + 20, `${sendsTo(sim, "a")} sends`);
  assertClean(sim);
});

test("a second send is not made before the time that others were told meanwhile", () => {
  let refused = 0;
  const sim = world({
    a: (stream, now, request) =>
      refused++ === 0
        ? limited("retry-after-ms", "500")(stream, now, request)
        : limited("retry-after", "30")(stream, now, request),
    b: healthy(100),
  });
  const first = ask(sim, true);
  const second = ask(sim, true);
  sim.time.advance(5000);
  assertAnswered(first, "b");
  assertAnswered(second, "b");
  assert.equal(sendsTo(sim, "a"), 2, "one each");
  assertClean(sim);
});

test("a rate limit without a time is repeated after backoff though it cools the target for 30 s", () => {
  let refused = 0;
  const sim = world({
    a: (stream) =>
      refused++ === 0
        ? refusal(429, { error: { message: "slow down", type: "rate_limit_error" } })
        : healthy(100)(stream),
    b: healthy(100),
  });
  const asked = ask(sim, true);
  sim.time.advance(2000);
  assertAnswered(asked, "a");
  assertClean(sim);
});

describe("conversations", () => {
  const equal = { a: healthy(200), b: healthy(200) };
  test("of 20 turns over two equal providers stay with one; 200 equal single questions spread", () => {
    const sim = world(equal, { strategy: "latency" });
    const by = new Set<string>();
    const messages: object[] = [{ role: "user", content: "first question" }];
    for (let turn = 0; turn < 20; turn++) {
      const asked = ask(sim, true, { messages: [...messages] });
      sim.time.advance(2000);
      assertAnswered(asked);
      by.add(asked.exchange.header("x-sluice-provider"));
      messages.push(
        { role: "assistant", content: "all is well here" },
        { role: "user", content: `and ${turn}?` },
      );
    }
    assert.equal(by.size, 1);
    const before = [sendsTo(sim, "a"), sendsTo(sim, "b")];
    for (let i = 0; i < 200; i++) {
      ask(sim, true);
      sim.time.advance(1000);
    }
    for (const [index, name] of ["a", "b"].entries()) {
      const share = sendsTo(sim, name) - (before[index] ?? 0);
      assert.ok(share >= 60 && share <= 140, `${name}: ${share} of 200`);
    }
    assertClean(sim);
  });

  test("are pinned by x-session-affinity while that target is usable", () => {
    const sim = world(equal, { strategy: "latency" });
    for (let i = 0; i < 10; i++) {
      const asked = ask(sim, false, {}, ["x-session-affinity", "b/model-b"]);
      sim.time.advance(1000);
      assertAnswered(asked, "b");
    }
    assertClean(sim);
  });
});

describe("in a closed loop", () => {
  test("an upstream that slows down under load is not over-routed", () => {
    let busy = 0;
    const loaded: Server = (s) => chat(s, { text: "hi" }, { firstMs: 100 + 400 * busy });
    const sim = world(
      { a: (s, now, request) => loaded(s, now, request), b: healthy(400) },
      { strategy: "latency", extra: "[limits]\nmax_streams_per_client = 1000\n" },
    );
    const all: Asked[] = [];
    for (let i = 0; i < 400; i++) {
      busy = sim.network.requests
        .slice(-60)
        .filter((one) => one.outcome === "" && one.host.startsWith("a")).length;
      all.push(ask(sim, true));
      sim.time.advance(100);
    }
    sim.time.advance(60_000);
    const share = sendsTo(sim, "a", 20_000) / sim.network.requests.filter(({ at }) => at >= 20_000).length;
    assert.ok(share > 0.15 && share < 0.75, `${share}`);
    // Ten requests a second would be answered ever more slowly by the first one alone; the other takes 400 ms.
    const times = all.slice(200).map(({ took }) => took);
    const mean = times.reduce((sum, took) => sum + took, 0) / times.length;
    assert.ok(mean < 1000 && Math.max(...times) < 4000, `${mean} ms, at most ${Math.max(...times)}`);
    assertClean(sim);
  });

  for (const stream of [false, true]) {
    test(`a recovered provider wins its traffic back within 60 requests (stream: ${stream})`, () => {
      const sim = world(
        { a: (s, now) => (now < 60_000 ? serverError() : healthy(100)(s)), b: healthy(200) },
        { strategy: "latency" },
      );
      for (; sim.time.clock.now() < 60_000; sim.time.advance(1000)) ask(sim, stream);
      const by: string[] = [];
      for (let i = 0; i < 60; i++) {
        const asked = ask(sim, stream);
        sim.time.advance(1000);
        assertAnswered(asked);
        by.push(asked.exchange.header("x-sluice-provider"));
      }
      // In the long run it is 889 of 1000.
      const won = by.slice(40).filter((name) => name === "a").length;
      assert.ok(won >= 15, `${won} of the last 20: ${by}`);
      assertClean(sim);
    });
  }

  test("the cheaper target gets its requests back as soon as its circuit closes", () => {
    const sim = world(
      { a: healthy(100), b: (s, now) => (now < 30_000 ? serverError() : healthy(900)(s)) },
      {
        strategy: "price",
        target: { a: "price = { input = 5.0, output = 5.0 }", b: "price = { input = 1.0, output = 1.0 }" },
      },
    );
    let last: Asked | null = null;
    for (; sim.time.clock.now() < 60_000; sim.time.advance(2000)) {
      if (last !== null) assertAnswered(last);
      last = ask(sim, false);
    }
    assert.equal(last?.exchange.header("x-sluice-provider"), "b");
    assertClean(sim);
  });
});

describe("the internet being down", () => {
  const away = (until: number) => {
    let now = () => 0;
    const server: Server = (s, at) => (at < until ? failure("unreachable", 20) : healthy(100)(s));
    const reach = (host: string) => ({ reachable: host.startsWith("lan") || now() >= until, afterMs: 50 });
    return { server, reach, follow: (clock: () => number) => (now = clock) };
  };

  test("goes to the private target at once, says so, and blames no public one", () => {
    const { server, reach, follow } = away(60_000);
    const sim = world({ a: server, b: server, lan: healthy(300) }, { isPrivate: ["lan"] }, { reach });
    follow(() => sim.time.clock.now());
    const first = ask(sim, true);
    sim.time.advance(5000);
    assertAnswered(first, "lan");
    assert.equal(sim.gateway.status().wan, "down");
    const before = sim.network.requests.length;
    const asked = ask(sim, true);
    sim.time.advance(1000);
    assertAnswered(asked, "lan");
    assert.equal(asked.exchange.header("x-sluice-wan"), "down");
    assert.equal(sim.network.requests.length - before, 1);
    for (const target of sim.gateway.status().models[0]?.targets.slice(0, 2) ?? []) {
      assert.deepEqual([target.failures, target.circuit], [0, "closed"], target.target);
    }
    sim.time.advance(60_000);
    assert.equal(sim.gateway.status().wan, "up");
    const back = ask(sim, true);
    sim.time.advance(1000);
    assertAnswered(back, "a");
    assert.equal(back.exchange.header("x-sluice-wan"), "");
    assertClean(sim);
  });

  test("without a private target: one connect for all that wait, then 503 wan_down; the first after it is back is answered", () => {
    const { server, reach, follow } = away(60_000);
    const sim = world({ a: server, b: server }, {}, { reach });
    follow(() => sim.time.clock.now());
    const first = ask(sim, false);
    sim.time.advance(3000);
    assert.equal(first.exchange.status, 503, first.exchange.text);
    assert.equal(JSON.parse(first.exchange.text).error.code, "wan_down");
    const probes = sim.network.probes;
    const all = Array.from({ length: 50 }, () => ask(sim, false));
    sim.time.advance(1000);
    assert.ok(sim.network.probes - probes <= 2, `${sim.network.probes - probes} connects`);
    for (const { exchange } of all) assert.equal(exchange.status, 503);
    sim.time.advance(70_000);
    const asked = ask(sim, false);
    sim.time.advance(1000);
    assertAnswered(asked, "a");
    assertClean(sim);
  });

  test("is never concluded from one origin alone", () => {
    const sim = world(
      { a: () => failure("unreachable") },
      {},
      { reach: () => ({ reachable: false, afterMs: 10 }) },
    );
    ask(sim, false);
    sim.time.advance(3000);
    assert.equal(sim.gateway.status().wan, "up");
    assert.equal(sim.network.probes, 0);
    assertClean(sim);
  });

  test("is not concluded while another origin can be reached", () => {
    const sim = world(
      { a: () => failure("dns"), b: healthy(100) },
      {},
      { reach: () => ({ reachable: true, afterMs: 10 }) },
    );
    const asked = ask(sim, false);
    sim.time.advance(3000);
    assertAnswered(asked, "b");
    assert.equal(sim.gateway.status().wan, "up");
    assert.ok((sim.gateway.status().models[0]?.targets[0]?.failures ?? 0) > 0, "counted after all");
    assertClean(sim);
  });
});
