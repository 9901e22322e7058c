/** `npm run bench`: the gateway beside its yardsticks under the same load, as ratios of one run (80-performance.md, Targets). */
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { parseArgs } from "node:util";
import { countInstructions } from "./instruction-row.ts";
import { type Load, startLoad } from "./load-client.ts";
import { profileMemory } from "./memory-profile-row.ts";
import { profileRequests } from "./profile-row.ts";
import {
  type Figures,
  LARGE,
  latencyTargets,
  measureRequests,
  printRequests,
  requestTargets,
  SMALL,
} from "./request-rows.ts";
import {
  buildProcesses,
  CA,
  memoryOf,
  processFile,
  SERVER_CORE,
  type Server,
  shippedSettings,
  sleep,
  start,
  startServer,
  startSluice,
  startUpstream,
  timesOf,
} from "./servers.ts";
import { median } from "./statistics.ts";
import { measureFirst, measureStreams, printStreams, type StreamFigures } from "./stream-rows.ts";
import { atMost, printTargets, type Target } from "./targets.ts";

const { values } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    only: { type: "string", default: "" },
    /** The runtime that is measured. */
    node: { type: "string", default: process.execPath },
    /** Another build to compare with, measured beside this one as "other". */
    other: { type: "string", default: "" },
    rounds: { type: "string", default: "" },
  },
});
const rounds = { count: Number(values.rounds || (values.quick ? 5 : 11)), ms: values.quick ? 500 : 1000 };
const streams = {
  count: values.quick ? 200 : 1000,
  seconds: values.quick ? 3 : 8,
  rounds: values.quick ? 1 : 3,
};
const targets: Target[] = [];

/** What `process/conversion` tells. */
interface ConversionCosts {
  readonly slowestRequest: number;
  readonly slowestEvent: number;
}

/** The contenders for one upstream: sluice with the settings of memory that ship, the yardsticks with `settings`. */
async function startContenders(
  upstream: Server,
  tls: boolean,
  names: readonly string[],
  settings: NodeJS.ProcessEnv,
): Promise<Server[]> {
  const env = { UPSTREAM_PORT: String(upstream.port), ...(tls ? { CA } : {}), ...settings };
  const servers: Server[] = [];
  for (const name of names) {
    if (name === "direct") servers.push({ ...upstream, name });
    else if (name !== "sluice") servers.push(await startServer(name, SERVER_CORE, values.node, env));
    else {
      const options = { node: values.node, upstream, tls, env: shippedSettings() };
      servers.push(await startSluice({ ...options, bundle: "dist/sluice.cjs" }));
      if (values.other !== "")
        servers.push(await startSluice({ ...options, bundle: values.other, name: "other" }));
    }
  }
  return servers;
}

async function withContenders(
  tls: boolean,
  names: readonly string[],
  measure: (load: Load, servers: Server[]) => Promise<void>,
  settings: NodeJS.ProcessEnv = {},
): Promise<void> {
  const upstream = await startUpstream(tls);
  const load = startLoad();
  const servers = await startContenders(upstream, tls, names, settings);
  try {
    await measure(load, servers);
  } finally {
    for (const server of servers) if (server.pid !== upstream.pid) await server.stop();
    await load.stop();
    await upstream.stop();
  }
}

async function requestRow(
  title: string,
  tls: boolean,
  names: readonly string[],
  bodies: readonly string[],
  connections: number,
  judge: (figures: Map<string, Figures>) => Target[],
): Promise<void> {
  await withContenders(tls, names, async (load, servers) => {
    const figures = await measureRequests(load, servers, bodies, connections, rounds);
    printRequests(title, figures);
    targets.push(...judge(figures));
  });
}

const ROWS: Readonly<Record<string, () => Promise<void>>> = {
  c1: () =>
    requestRow(
      "200 B, 1 connection",
      false,
      ["direct", "floor", "undici", "sluice"],
      SMALL,
      1,
      latencyTargets,
    ),
  c16: () =>
    requestRow("200 B, 16 connections", false, ["floor", "undici", "naive", "sluice"], SMALL, 16, (figures) =>
      requestTargets("200 B", figures, { rps: 0.75, cpu: 1.4, undici: 1.2 }),
    ),
  c64: () => requestRow("200 B, 64 connections", false, ["floor", "undici", "sluice"], SMALL, 64, () => []),
  large: () =>
    requestRow(
      "119 KB, 16 connections",
      false,
      ["floor", "undici", "naive", "sluice"],
      LARGE,
      16,
      (figures) => requestTargets("119 KB", figures, { rps: 0.85 }),
    ),
  tls1: () =>
    requestRow("200 B over TLS, 1 connection", true, ["floor", "undici", "sluice"], SMALL, 1, () => []),
  tls64: () =>
    requestRow("200 B over TLS, 64 connections", true, ["floor", "undici", "sluice"], SMALL, 64, () => []),
  tls: () =>
    requestRow("200 B over TLS, 16 connections", true, ["floor", "undici", "sluice"], SMALL, 16, (figures) =>
      requestTargets("TLS", figures, { rps: 0.85 }),
    ),
  streams: () =>
    withContenders(
      false,
      ["floor", "undici", "sluice"],
      async (load, servers) => {
        console.log(`\n${streams.count} streams, 20 events a second each, memory settings as shipped`);
        const ratios: number[] = [];
        for (let round = 1; round <= streams.rounds; round++) {
          let floor: StreamFigures | null = null;
          for (const server of servers) {
            const figures = await measureStreams(load, server, streams.count, streams.seconds);
            floor ??= figures;
            printStreams(server.name, figures, floor);
            if (server.name !== "sluice") continue;
            ratios.push(figures.cpu / floor.cpu);
            targets.push(atMost("streams: lost events", figures.lost, 0, ""));
            // Later rounds find the memory of the first one.
            if (round > 1) continue;
            targets.push(atMost("streams: RSS per stream", figures.perStream, 18, "KB"));
            targets.push(atMost("streams: RSS with all open", figures.open.rss, 76, "MiB"));
          }
        }
        targets.push(atMost("streams: CPU per event to the floor, median", median(ratios), 1.15));
      },
      shippedSettings(),
    ),
  first: () =>
    withContenders(false, ["direct", "floor", "sluice"], async (load, servers) => {
      console.log("\ntime to the first event of a stream, one at a time");
      let direct = 0;
      for (const server of servers) {
        await measureFirst(load, server, 100);
        const before = timesOf(server.pid);
        const count = values.quick ? 100 : 300;
        const first = await measureFirst(load, server, count);
        const after = timesOf(server.pid);
        if (server.name === "direct") direct = first;
        const each = (from: number, to: number) => ((to - from) / count).toFixed(0);
        console.log(
          `${server.name.padEnd(9)} p50 ${first.toFixed(0)} us, added ${(first - direct).toFixed(0)} us; CPU of a stream's opening and end ${each(before.user, after.user)} us user, ${each(before.system, after.system)} us system`,
        );
        if (server.name === "sluice")
          targets.push(atMost("streams: added time to the first event", first - direct, 200, "us"));
      }
    }),
  converted: () =>
    withContenders(false, ["sluice"], async (load, servers) => {
      console.log(
        `\n${streams.count / 4} streams converted (Anthropic caller, OpenAI upstream) and as they are`,
      );
      for (const server of servers) {
        const relayed = await measureStreams(load, server, streams.count / 4, streams.seconds);
        const converted = await measureStreams(load, server, streams.count / 4, streams.seconds, "anthropic");
        printStreams(`${server.name} as they are`, relayed, null);
        printStreams(`${server.name} converted`, converted, relayed);
        if (server.name === "sluice")
          targets.push(atMost("converted: CPU per event to pass-through", converted.cpu / relayed.cpu, 1.6));
      }
    }),
  memory: () =>
    withContenders(
      false,
      ["floor", "undici", "sluice"],
      async (load, servers) => {
        console.log("\nmemory in MiB: idle, and after load at 64 connections (anonymous in brackets)");
        await sleep(1000);
        const shown = ({ rss, anonymous }: ReturnType<typeof memoryOf>) =>
          `${rss.toFixed(1)} (${anonymous.toFixed(1)})`;
        for (const server of servers) {
          const idle = memoryOf(server.pid);
          for (const bodies of [SMALL, LARGE, SMALL])
            await measureRequests(load, [server], bodies, 64, { count: values.quick ? 2 : 6, ms: 1000 });
          const after = memoryOf(server.pid);
          console.log(`${server.name.padEnd(9)} ${shown(idle)} -> ${shown(after)}`);
          if (server.name !== "sluice") continue;
          targets.push(atMost("idle: anonymous and shared memory", idle.anonymous, 18, "MiB"));
          targets.push(atMost("after load: RSS", after.rss, 80, "MiB"));
        }
      },
      shippedSettings(),
    ),
  conversion: async () => {
    const { child } = start(
      SERVER_CORE,
      [values.node, processFile("conversion")],
      { QUICK: values.quick ? "1" : "0" },
      ["ignore", "inherit", "inherit", "ipc"],
    );
    child.on("message", ({ slowestRequest, slowestEvent }: ConversionCosts) => {
      targets.push(atMost("conversion of a request of 2 KB, slowest pair", slowestRequest, 60, "us"));
      targets.push(atMost("conversion of a stream event, slowest pair", slowestEvent, 60, "us"));
    });
    await once(child, "exit");
  },
  profile: async () => {
    for (const tls of [false, true]) {
      const upstream = await startUpstream(tls);
      const load = startLoad();
      const ms = values.quick ? 4000 : 10_000;
      await profileRequests({ load, upstream, node: values.node, tls, ms });
      await load.stop();
      await upstream.stop();
    }
  },
  instructions: async () => {
    const upstream = await startUpstream(false);
    const load = startLoad();
    const bundle = "dist/sluice.cjs";
    targets.push(...(await countInstructions({ load, upstream, node: values.node, bundle })));
    await load.stop();
    await upstream.stop();
  },
  spaces: async () => {
    const upstream = await startUpstream(false);
    const load = startLoad();
    await profileMemory({
      load,
      upstream,
      node: values.node,
      bundle: "dist/sluice.cjs",
      streams: streams.count,
    });
    await load.stop();
    await upstream.stop();
  },
  client: async () => {
    console.log("\nthe upstream client alone, 16 calls at a time");
    for (const TLS of ["0", "1"]) {
      console.log(TLS === "1" ? "over TLS" : "plain");
      const env = { ...process.env, TLS, ...(values.quick ? { ROUNDS: "3" } : {}) };
      spawnSync(process.execPath, [processFile("upstream-client")], { stdio: "inherit", env });
    }
  },
};

if (values.only !== "" && ROWS[values.only] === undefined) {
  console.error(`--only is one of ${Object.keys(ROWS).join(", ")}`);
  process.exit(2);
}
await buildProcesses([
  "upstream",
  "floor",
  "undici",
  "naive",
  "load",
  "upstream-client",
  "conversion",
  "memory-probe",
]);
const built = spawnSync(process.execPath, ["build/bundle.mjs", "--quiet", "--map"], { stdio: "inherit" });
if (built.status !== 0) process.exit(1);
const version = spawnSync(values.node, ["--version"], { encoding: "utf8" }).stdout.trim();
console.log(`Node ${version}, ${rounds.count} rounds of ${rounds.ms} ms, ratios to the floor`);
for (const [name, run] of Object.entries(ROWS)) if (values.only === "" || values.only === name) await run();
printTargets(targets);
process.exit(0);
