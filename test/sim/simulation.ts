/** The gateway core against servers that flap and clients that vanish, in simulated time: a seed replays it, the rules hold after every step. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import type { Acts, NetworkRequest } from "../support/fake-network.ts";
import { seededRandom } from "../support/fake-time.ts";
import { providerOf, simulatedConfig } from "../support/simulated-config.ts";
import { simulateGateway } from "../support/simulated-gateway.ts";
import { askedOf, bodyOf, type Call, type Dialect, readAsked, type Sent, textOf } from "./client-model.ts";
import { Referee } from "./referee.ts";
import { ServerModel } from "./server-model.ts";
import { isUsable, rowsOf, type World } from "./world.ts";

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

const PROVIDERS = ["a", "b", "claude", "lan"];
const STRATEGIES = ["latency", "failover", "price", "weighted"] as const;
const DIALECTS: readonly Dialect[] = ["openai", "openai", "openai", "anthropic", "responses", "ollama"];

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

class Simulation {
  readonly #random;
  readonly #world: World;
  readonly #running = new Set<Call>();
  readonly #open = new Set<Sent>();
  readonly #calls = new Map<number, Call>();
  readonly #referee: Referee;
  readonly #hash = createHash("sha256");
  readonly #strategy;
  readonly #hedge: string;
  readonly #trace: (line: string) => void;
  #providers: readonly string[] = PROVIDERS;
  #next = 0;
  #result = { requests: 0, answered: 0, failed: 0, broken: 0, vanished: 0, sends: 0 };

  constructor(seed: number, trace: (line: string) => void) {
    this.#trace = (line) => trace(`${(this.#now / 1000).toFixed(3)} ${line}`);
    this.#random = seededRandom(seed);
    const random = seededRandom(seed ^ 0x5bd1e995);
    this.#strategy = STRATEGIES[seed % STRATEGIES.length] ?? "latency";
    this.#hedge = seed % 3 === 0 ? 'hedge = { after = "800ms", max_extra = 0.2, any_price = true }' : "";
    const sim = simulateGateway({
      toml: this.#config(PROVIDERS),
      seed,
      forget: true,
      answer: (request) => this.#answer(request),
      reach: (host) => ({ reachable: !this.#world.wanDown || providerOf(host) === "lan", afterMs: 30 }),
    });
    this.#world = {
      sim,
      strategy: this.#strategy,
      servers: new Map(PROVIDERS.map((name) => [name, new ServerModel(name, random)])),
      running: this.#running,
      open: this.#open,
      wanDown: false,
      wanChangedAt: 0,
      operatedAt: -1,
      forgottenAt: new Map(),
      dropped: new Set(),
    };
    this.#referee = new Referee(this.#world, this.#open);
  }

  step(): void {
    const dice = this.#random.next();
    if (dice < 0.55) {
      const crowd = this.#random.next();
      this.#ask(crowd < 0.005 ? 120 : crowd < 0.02 ? 30 : 1);
    } else if (dice < 0.62) this.#vanish();
    else if (dice < 0.7) this.#change(this.#server());
    else if (dice < 0.705) this.#setWan(!this.#world.wanDown);
    else if (dice < 0.71) this.#reload();
    else if (dice < 0.715) this.#operate();
    else if (dice < 0.74) this.#block();
    this.#world.sim.time.advance(this.#random.next() < 0.03 ? this.#below(60_000) : this.#below(800));
    this.#check();
  }

  finish(): SimulationResult {
    const { sim } = this.#world;
    this.#setWan(false);
    for (const call of this.#running) call.exchange.drain();
    sim.time.advance(60 * 60_000);
    for (const call of this.#running) call.exchange.drain();
    sim.time.advance(60 * 60_000);
    this.#check();
    assert.equal(this.#running.size, 0, `${this.#running.size} requests never ended`);
    this.#checkRecovery();
    assert.equal(sim.gateway.active, 0, "active");
    assert.equal(sim.gateway.status().memory.bodies.used, 0, "body permits");
    assert.equal(sim.network.open, 0, "upstream calls");
    assert.equal(sim.time.pending, sim.idleTimers, "timers");
    const causes = Object.fromEntries(this.#referee.answers.causes);
    return { ...this.#result, digest: this.#hash.digest("hex"), causes };
  }

  #ask(burst: number, model = "m"): void {
    for (let i = 0; i < burst; i++) {
      const number = this.#next++;
      const dialect = DIALECTS[this.#below(DIALECTS.length)] ?? "openai";
      const stream = this.#random.next() < 0.65;
      const { path, body } = bodyOf(number, dialect, stream, model);
      this.#trace(`#${number} asks ${dialect} ${model}${stream ? " streamed" : ""}`);
      this.#world.sim.ask(path, body, [], (exchange) => {
        const call: Call = {
          number,
          dialect,
          stream,
          text: textOf(number),
          body: JSON.stringify(body),
          exchange,
          askedAt: this.#now,
          providers: model === "m" ? this.#providers : [model.slice(0, model.indexOf("/"))],
          sends: [],
          sound: this.#soundProviders(model),
          firstWordAt: -1,
          endedAt: -1,
        };
        this.#calls.set(number, call);
        this.#running.add(call);
        exchange.onChange = () => this.#hear(call);
      });
      this.#result.requests++;
    }
  }

  #hear(call: Call): void {
    const { exchange } = call;
    if (call.firstWordAt < 0 && exchange.text.includes(`q${call.number}w0`)) call.firstWordAt = this.#now;
    if (exchange.closed) call.endedAt = this.#now;
    if (exchange.how === "responded" && exchange.status !== 200) this.#referee.answers.noteRefusal(call);
  }

  /** Once everything is well again every target answers: no permit was lost, no circuit is stuck. */
  #checkRecovery(): void {
    const { sim, servers } = this.#world;
    this.#configure(PROVIDERS);
    for (const name of PROVIDERS) {
      sim.gateway.setOffline(name, false);
      (servers.get(name) as ServerModel).condition = "healthy";
    }
    const calls = PROVIDERS.map((name) => {
      this.#ask(1, `${name}/model-${name}`);
      return [...this.#running].at(-1) as Call;
    });
    sim.time.advance(120_000);
    this.#check();
    for (const [index, { exchange }] of calls.entries()) {
      assert.equal(exchange.status, 200, `${PROVIDERS[index]} does not come back: ${exchange.text}`);
    }
    sim.time.advance(20 * 60_000);
    this.#check();
  }

  /** The providers of the alias that are well and may be asked. */
  #soundProviders(model: string): Set<string> {
    const sound = new Set<string>();
    if (model !== "m") return sound;
    const { servers, wanDown } = this.#world;
    for (const [name, row] of rowsOf(this.#world)) {
      if (servers.get(name)?.condition !== "healthy" || (wanDown && name !== "lan")) continue;
      if (isUsable(this.#world, name, row)) sound.add(name);
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
    const all = [...this.#running];
    const call = all[this.#below(all.length)];
    if (call === undefined) return;
    this.#trace(`#${call.number} vanishes`);
    const { gateway } = this.#world.sim;
    const open = gateway.active;
    call.endedAt = this.#now;
    call.exchange.abort();
    assert.equal(gateway.active, open - 1, "a vanished client's request has ended");
  }

  #block(): void {
    const all = [...this.#running];
    const call = all[this.#below(all.length)];
    if (call === undefined) return;
    if (call.exchange.blocked) call.exchange.drain();
    else call.exchange.blocked = true;
  }

  #reload(): void {
    const kept = PROVIDERS.filter(() => this.#random.next() < 0.8);
    this.#trace(`reload with ${kept}`);
    this.#configure(kept.length === 0 ? PROVIDERS : kept);
  }

  #configure(providers: readonly string[]): void {
    for (const name of PROVIDERS) {
      if (!providers.includes(name)) this.#world.dropped.add(name);
      // One that comes back begins anew: requests that were under way had the old one.
      else if (this.#providers.includes(name)) continue;
      this.#referee.forget(name);
    }
    this.#providers = providers;
    this.#world.sim.reload(this.#config(providers));
  }

  #operate(): void {
    this.#world.operatedAt = this.#now;
    const { name } = this.#server();
    this.#unsound(...PROVIDERS);
    this.#trace(`the operator turns ${name}`);
    const { gateway } = this.#world.sim;
    const dice = this.#random.next();
    if (dice < 0.4) gateway.setOffline(name, true);
    else if (dice < 0.8) for (const one of PROVIDERS) gateway.setOffline(one, false);
    else {
      this.#referee.forget(name);
      gateway.reset(name);
    }
  }

  #setWan(down: boolean): void {
    if (down !== this.#world.wanDown) this.#world.wanChangedAt = this.#now;
    this.#trace(`the internet is ${down ? "down" : "up"}`);
    this.#unsound(...PROVIDERS.filter((name) => name !== "lan"));
    this.#world.wanDown = down;
  }

  get #now(): number {
    return this.#world.sim.time.clock.now();
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
    const call = this.#calls.get(number) as Call;
    const server = this.#world.servers.get(provider) as ServerModel;
    this.#result.sends++;
    this.#hash.update(`${request.at} ${provider} ${number} ${soFar.length}\n`);
    const cut = this.#world.wanDown && provider !== "lan";
    const rows = rowsOf(this.#world);
    const row = rows.get(provider);
    const states = [...rows].map(([name, { status, circuit }]) => `${name} ${status} ${circuit}`).join(", ");
    this.#trace(
      `  #${number} -> ${provider}${soFar === "" ? "" : ` after ${soFar.length} characters`} (${states})`,
    );
    const sent: Sent = {
      call,
      provider,
      request,
      condition: cut ? "unreachable" : server.condition,
      second: askedOf(call).includes(provider),
      probe: row?.circuit === "half_open" || row?.status === "suspect",
    };
    this.#referee.takeSend(sent);
    call.sends.push(sent);
    this.#open.add(sent);
    if (cut) return [{ afterMs: 40, fail: { cause: "unreachable", message: "ENETUNREACH" } }];
    return server.answer(stream, call.text, soFar);
  }

  #check(): void {
    const ended: Call[] = [];
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
      ended.push(call);
      if (exchange.status !== 200) this.#result.failed++;
      else if (exchange.text.includes('"error"')) this.#result.broken++;
      else this.#result.answered++;
    }
    this.#referee.checkStep(ended);
  }

  #server(): ServerModel {
    return this.#world.servers.get(PROVIDERS[this.#below(PROVIDERS.length)] ?? "a") as ServerModel;
  }

  #below(bound: number): number {
    return Math.floor(this.#random.next() * bound);
  }
}
