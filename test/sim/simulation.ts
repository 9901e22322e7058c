/** The gateway core against servers that flap and clients that vanish, in simulated time: a seed replays it, invariants hold after every step. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import type { Acts, NetworkRequest } from "../support/fake-network.ts";
import { seededRandom } from "../support/fake-time.ts";
import { providerOf, simulatedConfig } from "../support/simulated-config.ts";
import { type SimulatedGateway, simulateGateway } from "../support/simulated-gateway.ts";
import { bodyOf, type Call, type Dialect, errorOf, judgeAnswer, readAsked, textOf } from "./client-model.ts";
import { ServerModel } from "./server-model.ts";

export interface SimulationResult {
  readonly requests: number;
  readonly answered: number;
  readonly failed: number;
  readonly broken: number;
  readonly vanished: number;
  readonly sends: number;
  /** Of everything that happened: the same seed gives the same. */
  readonly digest: string;
  /** Codes of the errors callers got, and how often. */
  readonly causes: Readonly<Record<string, number>>;
}

interface Send {
  readonly at: number;
  readonly second: boolean;
}

const PROVIDERS = ["a", "b", "claude", "lan"];
const STRATEGIES = ["latency", "failover", "price", "weighted"] as const;

const DIALECTS: readonly Dialect[] = ["openai", "openai", "openai", "anthropic", "responses", "ollama"];
/** Per provider that is asked before the first word: three times the slowest server's pace, an error body, a wait. */
const TURN_MS = 3 * 45_000 + 5_000 + 5_500;
const USABLE: ReadonlySet<string> = new Set(["cold", "warm", "degraded"]);

/** Throws an AssertionError that names seed and step. `trace` gets a line for everything that happens. */
export function simulate(
  seed: number,
  steps: number,
  trace: (line: string) => void = () => {},
): SimulationResult {
  const simulation = new Simulation(seed, trace);
  for (let step = 0; step < steps; step++) {
    try {
      simulation.step();
    } catch (thrown) {
      throw failed(seed, steps, step, thrown);
    }
  }
  try {
    return simulation.finish();
  } catch (thrown) {
    throw failed(seed, steps, steps, thrown);
  }
}

function failed(seed: number, steps: number, step: number, thrown: unknown): Error {
  const cause = thrown instanceof Error ? thrown : new Error(String(thrown));
  const replay = `npm run sim -- --seed ${seed} --steps ${steps} --verbose`;
  return new Error(`seed ${seed}, step ${step}: ${cause.message}\nreplay: ${replay}`, { cause });
}

const CONTENT = /"content":"[^"]|"text_delta"/;

class Simulation {
  readonly #random;
  readonly #servers: ReadonlyMap<string, ServerModel>;
  readonly #sim: SimulatedGateway;
  readonly #calls = new Map<number, Call>();
  readonly #running = new Set<Call>();
  readonly #sends = new Map<string, Send[]>();
  readonly #halfOpen = new Map<string, NetworkRequest[]>();
  readonly #hash = createHash("sha256");
  readonly #strategy;
  readonly #hedge: string;
  readonly #trace: (line: string) => void;
  #providers: readonly string[] = PROVIDERS;
  /** When the operator last turned something. */
  #changedAt = -1;
  readonly #refusals: unknown[] = [];
  readonly #causes = new Map<string, number>();
  #wanDown = false;
  #wanChangedAt = 0;
  #next = 0;
  #outputServed = 0;
  readonly #served: NetworkRequest[] = [];
  #result = { requests: 0, answered: 0, failed: 0, broken: 0, vanished: 0, sends: 0 };

  constructor(seed: number, trace: (line: string) => void) {
    this.#trace = (line) => trace(`${(this.#now / 1000).toFixed(3)} ${line}`);
    this.#random = seededRandom(seed);
    const random = seededRandom(seed ^ 0x5bd1e995);
    this.#servers = new Map(PROVIDERS.map((name) => [name, new ServerModel(name, random)]));
    this.#strategy = STRATEGIES[seed % STRATEGIES.length] ?? "latency";
    this.#hedge = seed % 3 === 0 ? 'hedge = { after = "800ms", max_extra = 0.2, any_price = true }' : "";
    this.#sim = simulateGateway({
      toml: this.#config(PROVIDERS),
      seed,
      forget: true,
      answer: (request) => this.#answer(request),
      reach: (host) => ({ reachable: !this.#wanDown || providerOf(host) === "lan", afterMs: 30 }),
    });
  }

  step(): void {
    const dice = this.#random.next();
    if (dice < 0.55) {
      const crowd = this.#random.next();
      this.#ask(crowd < 0.005 ? 120 : crowd < 0.02 ? 30 : 1);
    } else if (dice < 0.62) this.#vanish();
    else if (dice < 0.7) this.#change(this.#server());
    else if (dice < 0.705) this.#setWan(!this.#wanDown);
    else if (dice < 0.71) this.#reload();
    else if (dice < 0.715) this.#operate();
    else if (dice < 0.74) this.#block();
    this.#sim.time.advance(this.#random.next() < 0.03 ? this.#below(60_000) : this.#below(800));
    this.#check();
  }

  finish(): SimulationResult {
    this.#setWan(false);
    for (const call of this.#running) call.exchange.drain();
    this.#sim.time.advance(60 * 60_000);
    for (const call of this.#running) call.exchange.drain();
    this.#sim.time.advance(60 * 60_000);
    this.#check();
    assert.equal(this.#running.size, 0, `${this.#running.size} requests never ended`);
    this.#checkRecovery();
    assert.equal(this.#sim.gateway.active, 0, "active");
    assert.equal(this.#sim.gateway.status().memory.bodies.used, 0, "body permits");
    assert.equal(this.#sim.network.open, 0, "upstream calls");
    assert.equal(this.#sim.time.pending, this.#sim.idleTimers, "timers");
    this.#checkLedger();
    return { ...this.#result, digest: this.#hash.digest("hex"), causes: Object.fromEntries(this.#causes) };
  }

  #ask(burst: number, model = "m"): void {
    for (let i = 0; i < burst; i++) {
      const number = this.#next++;
      const dialect = DIALECTS[this.#below(DIALECTS.length)] ?? "openai";
      const stream = this.#random.next() < 0.65;
      const { path, body } = bodyOf(number, dialect, stream, model);
      const asked: string[] = [];
      // The servers are asked before `ask` returns.
      const slot = {
        number,
        dialect,
        stream,
        text: textOf(number),
        askedAt: this.#sim.time.clock.now(),
        providers: this.#providers,
        asked,
        sound: this.#soundProviders(model),
        firstWordAt: -1,
      };
      this.#trace(`#${number} asks ${dialect} ${model}${stream ? " streamed" : ""}`);
      this.#calls.set(number, slot as unknown as Call);
      const call: Call = { ...slot, exchange: this.#sim.ask(path, body) };
      this.#calls.set(number, call);
      this.#running.add(call);
      // At the very moment of the refusal: a little later the states are others.
      const judge = () => {
        if (call.firstWordAt < 0 && call.exchange.text.includes(`q${number}w0`)) call.firstWordAt = this.#now;
        if (call.exchange.how === "responded" && call.exchange.status !== 200) this.#checkRefusal(call);
      };
      call.exchange.onChange = judge;
      judge();
      this.#result.requests++;
    }
  }

  /** Once everything is well again every target answers: no permit was lost, no circuit is stuck. */
  #checkRecovery(): void {
    this.#providers = PROVIDERS;
    this.#sim.reload(this.#config(PROVIDERS));
    for (const name of PROVIDERS) {
      this.#sim.gateway.setOffline(name, false);
      (this.#servers.get(name) as ServerModel).condition = "healthy";
    }
    const calls = PROVIDERS.map((name) => {
      this.#ask(1, `${name}/model-${name}`);
      return [...this.#running].at(-1) as Call;
    });
    this.#sim.time.advance(120_000);
    this.#check();
    for (const [index, { exchange }] of calls.entries()) {
      assert.equal(exchange.status, 200, `${PROVIDERS[index]} does not come back: ${exchange.text}`);
    }
    this.#sim.time.advance(20 * 60_000);
  }

  /** The providers of the alias that are well and may be asked. */
  #soundProviders(model: string): Set<string> {
    const sound = new Set<string>();
    if (model !== "m") return sound;
    const status = this.#sim.gateway.status();
    for (const row of status.models.find(({ alias }) => alias === "m")?.targets ?? []) {
      const name = row.target.split("/")[0] ?? "";
      const reachable = name === "lan" || (!this.#wanDown && status.wan === "up");
      if (this.#servers.get(name)?.condition === "healthy" && reachable && USABLE.has(row.status)) {
        sound.add(name);
      }
    }
    return sound;
  }

  #unsound(...names: readonly string[]): void {
    for (const { sound } of this.#running) for (const name of names) sound.delete(name);
  }

  #change(server: ServerModel): void {
    server.change(this.#now);
    this.#trace(`${server.name} is ${server.condition}`);
    this.#unsound(server.name);
  }

  #vanish(): void {
    const call = this.#pick();
    if (call === undefined) return;
    this.#trace(`#${call.number} vanishes`);
    const open = this.#sim.gateway.active;
    call.exchange.abort();
    assert.equal(this.#sim.gateway.active, open - 1, "a vanished client's request has ended");
  }

  #block(): void {
    const call = this.#pick();
    if (call === undefined) return;
    if (call.exchange.blocked) call.exchange.drain();
    else call.exchange.blocked = true;
  }

  #reload(): void {
    const kept = PROVIDERS.filter(() => this.#random.next() < 0.8);
    this.#providers = kept.length === 0 ? PROVIDERS : kept;
    this.#trace(`reload with ${this.#providers}`);
    this.#sim.reload(this.#config(this.#providers));
  }

  #operate(): void {
    this.#changedAt = this.#now;
    const { name } = this.#server();
    this.#unsound(...PROVIDERS);
    this.#trace(`the operator turns ${name}`);
    const dice = this.#random.next();
    if (dice < 0.4) this.#sim.gateway.setOffline(name, true);
    else if (dice < 0.8) for (const one of PROVIDERS) this.#sim.gateway.setOffline(one, false);
    else {
      this.#sim.gateway.reset(name);
      this.#halfOpen.delete(name);
    }
  }

  #setWan(down: boolean): void {
    if (down !== this.#wanDown) this.#wanChangedAt = this.#now;
    this.#trace(`the internet is ${down ? "down" : "up"}`);
    this.#unsound(...PROVIDERS.filter((name) => name !== "lan"));
    this.#wanDown = down;
  }

  get #now(): number {
    return this.#sim.time.clock.now();
  }

  #config(providers: readonly string[]): string {
    return simulatedConfig({
      strategy: this.#strategy,
      providers,
      isPrivate: ["lan"],
      alias: this.#hedge,
      target: {
        a: "price = { input = 1.0, output = 2.0 }, prefill = true",
        b: "price = { input = 2.0, output = 4.0 }, weight = 2",
      },
      extra:
        '[timeouts]\ntotal = "20m"\n[limits]\nmax_streams_per_client = 100000\nmax_buffered_bytes = "64KiB"\n',
    });
  }

  /** A server is asked: what it says, and whether it should have been asked at all. */
  #answer(request: NetworkRequest): Acts {
    const provider = providerOf(request.host);
    const { number, stream, soFar } = readAsked(request.body);
    const call = this.#calls.get(number);
    assert.ok(call !== undefined, `an unknown request ${number}`);
    this.#result.sends++;
    this.#trace(
      `  #${number} -> ${provider}${soFar === "" ? "" : `, to go on after ${soFar.length} characters`}`,
    );
    this.#hash.update(`${request.at} ${provider} ${number} ${soFar.length}\n`);
    this.#checkSend(provider, call, request);
    call.asked.push(provider);
    // Each continuation is allowed one attempt more.
    const most = Math.max(4, call.providers.length + 1) + (soFar === "" ? 0 : call.providers.length);
    assert.ok(
      call.asked.length <= most,
      `request ${number} made ${call.asked.length} attempts: ${call.asked}`,
    );
    this.#served.push(request);
    if (this.#wanDown && provider !== "lan")
      return [{ afterMs: 40, fail: { cause: "unreachable", message: "ENETUNREACH" } }];
    return this.#servers.get(provider)?.answer(stream, call.text, soFar) ?? [];
  }

  #checkSend(provider: string, call: Call, request: NetworkRequest): void {
    const sends = this.#sends.get(provider) ?? [];
    this.#sends.set(provider, sends);
    const second = call.asked.includes(provider);
    sends.push({ at: request.at, second });
    while ((sends[0]?.at ?? 0) < request.at - 20_000) sends.shift();
    const seconds = sends.filter((send) => send.second && send.at > request.at - 8000).length;
    const firsts = sends.filter((send) => !send.second).length;
    assert.ok(
      seconds <= Math.max(10, 0.2 * firsts) + 8,
      `${seconds} second sends to ${provider} in 8 s, over ${firsts} firsts`,
    );
    assert.ok(
      call.asked.filter((one) => one === provider).length < 3,
      `${provider} was asked a third time by one request`,
    );

    const rows = this.#sim.gateway.status().models.find(({ alias }) => alias === "m")?.targets ?? [];
    const row = rows.find(({ target }) => target.startsWith(`${provider}/`));
    // Requests keep the configuration they began with.
    if (row === undefined) return;
    // Whoever closed it ended the probe's part: one that still runs is an attempt like any other.
    if (row.circuit === "closed") this.#halfOpen.delete(provider);
    if (row.circuit === "closed" || second) return;
    const idle = rows.filter(
      ({ target, status }) =>
        (status === "cold" || status === "warm" || status === "degraded") &&
        !target.startsWith(`${provider}/`) &&
        call.providers.includes(target.split("/")[0] ?? "") &&
        !call.asked.includes(target.split("/")[0] ?? ""),
    );
    const usable = idle.filter(({ target }) => !this.#wanOut(target));
    if (usable.length === 0 || call.asked.length > 0) return;
    assert.equal(
      row.circuit,
      "half_open",
      `${provider} was asked while open and ${usable.map(({ target }) => target)} could be`,
    );
    // Content gives the permit back: the stream goes on as any other.
    const probes = (this.#halfOpen.get(provider) ?? []).filter(
      ({ outcome, delivered }) => outcome === "" && !CONTENT.test(delivered),
    );
    assert.equal(probes.length, 0, `${provider} has a second probe`);
    probes.push(request);
    this.#halfOpen.set(provider, probes);
  }

  #wanOut(target: string): boolean {
    return this.#sim.gateway.status().wan !== "up" && !target.startsWith("lan/");
  }

  #check(): void {
    for (const call of this.#running) {
      const { exchange } = call;
      if (!exchange.closed) continue;
      this.#running.delete(call);
      this.#trace(`#${call.number} ${exchange.how} ${exchange.status}`);
      this.#hash.update(`${call.number} ${exchange.how} ${exchange.status} ${exchange.text.length}\n`);
      if (exchange.how === "aborted") {
        assert.equal(exchange.ends, 0, `request ${call.number} was ended after its client went`);
        this.#result.vanished++;
        continue;
      }
      assert.equal(exchange.ends, 1, `request ${call.number} ended ${exchange.ends} times`);
      const problem = judgeAnswer(call);
      assert.equal(problem, "", `request ${call.number} (${call.dialect}, ${call.asked}): ${problem}`);
      this.#checkSound(call);
      if (exchange.status !== 200) this.#result.failed++;
      else if (exchange.text.includes('"error"')) this.#result.broken++;
      else this.#result.answered++;
    }
    const status = this.#sim.gateway.status();
    assert.equal(status.requests.active, this.#running.size, "active requests");
    assert.ok(status.memory.bodies.used <= status.memory.bodies.cap, "memory");
    assert.ok(this.#running.size > 0 || status.memory.bodies.used === 0, "permits without requests");
    assert.deepEqual(this.#sim.logged, [], "errors in the log");
    if (this.#refusals.length > 0) throw this.#refusals[0];
    if (this.#running.size === 0 && this.#sim.network.open === 0 && status.wan === "up") {
      // Connects of a check that has been decided may still run.
      assert.ok(
        this.#sim.time.pending <= this.#sim.idleTimers + 4,
        `${this.#sim.time.pending} timers without requests`,
      );
    }
    this.#settleServed(false);
  }

  /** Whoever had a healthy target all the time was answered, and within the bounds of 30-routing.md. */
  #checkSound(call: Call): void {
    const { exchange, sound, asked } = call;
    if (sound.size === 0) return;
    const full = exchange.status !== 200 && exchange.text.includes("memory for request bodies");
    const late = this.#now - call.askedAt >= 20 * 60_000;
    assert.ok(
      exchange.status === 200 || full || late,
      `request ${call.number} got ${exchange.text} though ${[...sound]} was well all the time; asked: ${asked}`,
    );
    const waited = call.firstWordAt - call.askedAt;
    assert.ok(
      !call.stream || waited <= new Set(asked).size * TURN_MS,
      `request ${call.number} waited ${waited} ms for its first word; asked: ${asked}`,
    );
  }

  /** Nobody is refused while a healthy target stands by that this request has not asked. */
  #checkRefusal(call: Call): void {
    try {
      this.#judgeRefusal(call);
    } catch (thrown) {
      // Inside the gateway's own call it would only look like a bug of the gateway's.
      this.#refusals.push(thrown);
    }
  }

  #judgeRefusal(call: Call): void {
    // Ollama's errors have no code.
    const { error } = JSON.parse(call.exchange.text) as { error: string | { code?: string } };
    const code = typeof error === "string" ? errorOf(call.exchange.text).slice(0, 30) : (error.code ?? "");
    this.#causes.set(code, (this.#causes.get(code) ?? 0) + 1);
    if (call.exchange.text.includes("memory for request bodies")) return;
    if (this.#now - call.askedAt >= 20 * 60_000) return;
    const rows = this.#sim.gateway.status().models.find(({ alias }) => alias === "m")?.targets ?? [];
    for (const { target, status } of rows) {
      const name = target.split("/")[0] ?? "";
      const server = this.#servers.get(name);
      if (server === undefined || call.asked.includes(name) || !call.providers.includes(name)) continue;
      const steady = server.condition === "healthy" && server.changedAt < call.askedAt - 1000;
      const reachable =
        name === "lan" ||
        (!this.#wanDown &&
          this.#sim.gateway.status().wan === "up" &&
          this.#wanChangedAt < call.askedAt - 10_000);
      const usable = status === "cold" || status === "warm" || status === "degraded";
      assert.ok(
        !(steady && reachable && usable && this.#changedAt < call.askedAt),
        `request ${call.number} was refused (${call.exchange.text}) though ${name} was ${status} and healthy; asked: ${call.asked}`,
      );
    }
  }

  /** What ended upstreams reported of their output. */
  #settleServed(all: boolean): void {
    for (let i = this.#served.length - 1; i >= 0; i--) {
      const request = this.#served[i];
      if (request === undefined || (request.outcome === "" && !all)) continue;
      this.#served.splice(i, 1);
      this.#outputServed += outputOf(request);
    }
  }

  #checkLedger(): void {
    this.#settleServed(true);
    assert.equal(this.#sim.gateway.status().tokens.output, this.#outputServed, "output tokens booked");
  }

  #pick(): Call | undefined {
    const all = [...this.#running];
    return all[this.#below(all.length)];
  }

  #server(): ServerModel {
    return this.#servers.get(PROVIDERS[this.#below(PROVIDERS.length)] ?? "a") as ServerModel;
  }

  #below(bound: number): number {
    return Math.floor(this.#random.next() * bound);
  }
}

/** Output tokens that reached the gateway: the last figure of a stream, or that of a whole body. */
function outputOf(request: NetworkRequest): number {
  if (!readAsked(request.body).stream && request.outcome !== "ended") return 0;
  const figures = [...request.delivered.matchAll(/"(?:completion_tokens|output_tokens)":(\d+)/g)];
  return Number(figures.at(-1)?.[1] ?? 0);
}
