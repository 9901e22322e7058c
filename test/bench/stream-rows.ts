/** Rows of streams: CPU per event, memory per stream, lost events, time to the first event. */

import type { Load } from "./load-client.ts";
import type { StreamOrder } from "./load-contract.ts";
import { AUTHORIZATION } from "./request-rows.ts";
import { cpuOf, type Memory, memoryOf, type Server, sleep } from "./servers.ts";

export interface StreamFigures {
  readonly cpu: number;
  readonly lost: number;
  readonly idle: Memory;
  readonly open: Memory;
  /** KiB of RSS. */
  readonly perStream: number;
  readonly perStreamAnonymous: number;
}

const MESSAGES = [{ role: "user", content: "Tell me a long story about gateways." }];

function order(
  server: Server,
  streams: number,
  events: number,
  protocol: "openai" | "anthropic",
): StreamOrder {
  const openai = protocol === "openai";
  const body = { model: "fast", stream: true, max_tokens: events, messages: MESSAGES };
  return {
    kind: "streams",
    port: server.port,
    path: openai ? "/v1/chat/completions" : "/v1/messages",
    headers: openai ? AUTHORIZATION : `${AUTHORIZATION}anthropic-version: 2023-06-01\r\n`,
    body: JSON.stringify(body),
    streams,
    events,
  };
}

/** Opens the streams, and measures over `seconds` once all are open. */
export async function measureStreams(
  load: Load,
  server: Server,
  streams: number,
  seconds: number,
  protocol: "openai" | "anthropic" = "openai",
): Promise<StreamFigures> {
  const idle = memoryOf(server.pid);
  let onOpen = () => {};
  const opened = new Promise<void>((resolve) => {
    onOpen = resolve;
  });
  const finished = load.stream(order(server, streams, (seconds + 3) * 20, protocol), onOpen);
  await Promise.race([opened, sleep(20_000)]);
  const [before, from] = [cpuOf(server.pid), await load.count()];
  await sleep(seconds * 1000);
  const [after, to] = [cpuOf(server.pid), await load.count()];
  const open = memoryOf(server.pid);
  const { lost } = await finished;
  return {
    cpu: (after - before) / (to - from),
    lost,
    idle,
    open,
    perStream: ((open.rss - idle.rss) * 1024) / streams,
    perStreamAnonymous: ((open.anonymous - idle.anonymous) * 1024) / streams,
  };
}

/** Median time to the first event of streams one after another, microseconds. */
export async function measureFirst(load: Load, server: Server, count: number): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < count; i++)
    times.push((await load.stream(order(server, 1, 1, "openai"), () => {})).first);
  times.sort((a, b) => a - b);
  return times[count >> 1] ?? Number.NaN;
}

export function printStreams(name: string, figures: StreamFigures, floor: StreamFigures | null): void {
  const { cpu, lost, idle, open, perStream, perStreamAnonymous } = figures;
  const ratio = floor === null || floor === figures ? "" : ` x${(cpu / floor.cpu).toFixed(2)}`;
  console.log(
    `${name.padEnd(22)} ${cpu.toFixed(1).padStart(6)} us cpu/event${ratio.padEnd(7)} ${perStream.toFixed(1)} KB/stream (${perStreamAnonymous.toFixed(1)} of it anonymous, the rest pages of the program)  RSS ${idle.rss.toFixed(0)} -> ${open.rss.toFixed(0)} MiB  lost ${lost}`,
  );
}
