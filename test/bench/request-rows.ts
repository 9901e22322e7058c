/** Rows of whole requests: rate, CPU and latency of every contender under the same load, round by round. */

import type { Load } from "./load-client.ts";
import type { LoadOrder } from "./load-contract.ts";
import { cpuOf, KEY, type Server, sleep } from "./servers.ts";
import { median, pairedRatio } from "./statistics.ts";
import { atLeast, atMost, type Target } from "./targets.ts";

export interface Rounds {
  readonly count: number;
  readonly ms: number;
}

/** Of one contender, a value per round. */
export interface Figures {
  readonly rps: number[];
  readonly cpu: number[];
  readonly p50: number[];
  readonly p99: number[];
}

const PROMPT = "Tell me, in a few words and without any ornament, what a gateway is good for. Thanks!";
/** About 200 bytes each, and no two alike. */
export const SMALL = Array.from({ length: 61 }, (_, i) =>
  JSON.stringify({
    model: "fast",
    messages: [{ role: "user", content: `${i}. ${PROMPT.slice(0, 60 + (i % 27))}` }],
    temperature: 0.2,
  }),
);
const WARM_MS = 6000;
/** A conversation of 119 KB. */
export const LARGE = [
  JSON.stringify({
    model: "fast",
    messages: Array.from({ length: 100 }, (_, i) => ({
      role: i % 2 === 0 ? "user" : "assistant",
      content: `He said "no".\n${PROMPT.repeat(13)}`,
    })),
  }),
];

export const AUTHORIZATION = `authorization: Bearer ${KEY}\r\nuser-agent: OpenAI/JS 6.49.0\r\nx-stainless-lang: js\r\nx-stainless-retry-count: 0\r\naccept: application/json\r\n`;

export function orderFor(
  server: Server,
  bodies: readonly string[],
  connections: number,
  ms: number,
): LoadOrder {
  return {
    kind: "requests",
    port: server.port,
    path: "/v1/chat/completions",
    headers: AUTHORIZATION,
    bodies,
    connections,
    ms,
  };
}

/** Interleaves the contenders, the order reversed every other round. */
export async function measureRequests(
  load: Load,
  servers: readonly Server[],
  bodies: readonly string[],
  connections: number,
  rounds: Rounds,
): Promise<Map<string, Figures>> {
  const figures = new Map<string, Figures>(
    servers.map(({ name }) => [name, { rps: [], cpu: [], p50: [], p99: [] }]),
  );
  // Until its code is compiled a program is measured at its compiler's pace, and the larger ones take seconds.
  for (const server of servers) await load.send(orderFor(server, bodies, connections, WARM_MS));
  for (let round = 0; round < rounds.count; round++) {
    for (const server of round % 2 === 0 ? servers : [...servers].reverse()) {
      await sleep(20);
      const before = cpuOf(server.pid);
      const result = await load.send(orderFor(server, bodies, connections, rounds.ms));
      if (result.errors > 0) throw new Error(`${server.name}: ${result.errors} errors`);
      const of = figures.get(server.name);
      of?.rps.push(result.rps);
      of?.cpu.push((cpuOf(server.pid) - before) / result.count);
      of?.p50.push(result.p50);
      of?.p99.push(result.p99);
    }
  }
  return figures;
}

export function printRequests(title: string, figures: ReadonlyMap<string, Figures>): void {
  const floor = figures.get("floor");
  const direct = figures.get("direct");
  console.log(`\n${title}`);
  for (const [name, { rps, cpu, p50, p99 }] of figures) {
    const ratio = (own: readonly number[], base: readonly number[] | undefined) =>
      base === undefined || name === "direct" ? "" : `x${pairedRatio(own, base).toFixed(2)}`;
    let line = `${name.padEnd(9)} ${median(rps).toFixed(0).padStart(7)} rps ${ratio(rps, floor?.rps).padEnd(6)}`;
    if (name !== "direct")
      line += ` ${median(cpu).toFixed(1).padStart(6)} us cpu ${ratio(cpu, floor?.cpu).padEnd(6)}`;
    else line += " ".repeat(21);
    line += ` p50 ${median(p50).toFixed(0)} p99 ${median(p99).toFixed(0)} us`;
    if (direct !== undefined && name !== "direct")
      line += `  added p50 ${median(added(p50, direct.p50)).toFixed(0)} p99 ${median(added(p99, direct.p99)).toFixed(0)} us`;
    console.log(line);
  }
}

function added(own: readonly number[], direct: readonly number[]): number[] {
  return own.map((value, round) => value - (direct[round] ?? Number.NaN));
}

export function requestTargets(
  row: string,
  figures: ReadonlyMap<string, Figures>,
  wanted: { readonly rps: number; readonly cpu?: number; readonly undici?: number },
): Target[] {
  const [own, floor, undici] = ["sluice", "floor", "undici"].map((name) => figures.get(name));
  if (own === undefined || floor === undefined) return [];
  const targets = [atLeast(`${row}: rps to the floor`, pairedRatio(own.rps, floor.rps), wanted.rps)];
  if (wanted.cpu !== undefined)
    targets.push(atMost(`${row}: CPU to the floor`, pairedRatio(own.cpu, floor.cpu), wanted.cpu));
  if (wanted.undici !== undefined && undici !== undefined)
    targets.push(atLeast(`${row}: rps to undici`, pairedRatio(own.rps, undici.rps), wanted.undici));
  return targets;
}

/** What one connection waits longer than directly. */
export function latencyTargets(figures: ReadonlyMap<string, Figures>): Target[] {
  const [own, floor, undici, direct] = ["sluice", "floor", "undici", "direct"].map((name) =>
    figures.get(name),
  );
  if (own === undefined || floor === undefined || direct === undefined) return [];
  const p50 = added(own.p50, direct.p50);
  const targets = [
    atMost("one connection: added p50 to the floor", pairedRatio(p50, added(floor.p50, direct.p50)), 1.4),
    atMost("one connection: p99 to the floor", pairedRatio(own.p99, floor.p99), 1.3),
  ];
  if (undici !== undefined)
    targets.push(
      atMost("one connection: added p50 to undici", pairedRatio(p50, added(undici.p50, direct.p50)), 1),
    );
  return targets;
}
