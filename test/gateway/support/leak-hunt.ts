/** Sends requests of every kind and shows that everything returns to where it began: heap, sockets, timers, permits. */
import assert from "node:assert/strict";
import http from "node:http";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { EngineKind } from "../../../src/http/engine.ts";
import { answer, jsonAnswer } from "../../support/answers.ts";
import { startGateway } from "../../support/gateway.ts";
import { type Play, type ReceivedRequest, startUpstream } from "../../support/scripted-upstream.ts";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

const AT_ONCE = 24;
/** What compiled code, caches that fill and the heap's own bookkeeping may take. */
const HEAP_SLACK_BYTES = 2 * 1024 * 1024;
const RSS_SLACK_BYTES = 48 * 1024 * 1024;
/** Longer than anything here takes. */
const PATIENCE_MS = 15_000;

const event = (content: string, finish: string | null = null) =>
  `data: ${JSON.stringify({ id: "c", object: "chat.completion.chunk", created: 1, model: "m", choices: [{ index: 0, delta: { content }, finish_reason: finish }] })}\n\n`;
const WHOLE = jsonAnswer({
  id: "c",
  object: "chat.completion",
  created: 1,
  model: "m",
  choices: [{ index: 0, message: { role: "assistant", content: "Hello" }, finish_reason: "stop" }],
  usage: { prompt_tokens: 3, completion_tokens: 1, total_tokens: 4 },
});
const sse = (pieces: readonly string[], more: object = {}) =>
  answer({ headers: { "content-type": "text/event-stream" }, pieces, ...more });
const STREAM = sse([event("Hel"), event("lo"), event("", "stop"), "data: [DONE]\n\n"]);
const LARGE = sse([
  ...Array.from({ length: 8 }, () => event("x".repeat(65_536))),
  event("", "stop"),
  "data: [DONE]\n\n",
]);

/** What the upstream does, by the model's name. */
const PLAYS: Readonly<Record<string, Play>> = {
  good: WHOLE,
  stream: STREAM,
  large: LARGE,
  broken: jsonAnswer({ error: { message: "no", type: "server_error" } }, { status: 500 }),
  limited: jsonAnswer({ error: { message: "slow down" } }, { status: 429, headers: { "retry-after": "60" } }),
  reset: { steps: ["rst"] },
  garbage: { steps: [{ send: "HTTP/1.1 two hundred\r\n\r\n" }, "close"] },
  "cut-whole": answer({
    headers: { "content-type": "application/json" },
    body: '{"id":',
    contentLength: 900,
    breakAfter: 1,
  }),
  "cut-stream": sse([event("Hel"), event("lo")], { breakAfter: 2 }),
  stall: { steps: ["stall"] },
  "stall-stream": { steps: [...sse([event("Hel")], { breakAfter: 1, how: "stall" }).steps] },
};

interface Kind {
  readonly model: string;
  readonly path?: string;
  readonly stream?: boolean;
  /** Sent in place of a good body. */
  readonly body?: string;
  /** When the client goes. */
  readonly leaves?: "uploading" | "waiting" | "reading";
  readonly slow?: boolean;
}

const KINDS: readonly Kind[] = [
  { model: "good" },
  { model: "stream", stream: true },
  { model: "good", path: "/v1/messages" },
  { model: "stream", path: "/v1/messages", stream: true },
  { model: "stream", path: "/v1/responses", stream: true },
  { model: "good", stream: true },
  { model: "broken" },
  { model: "broken", path: "/v1/messages", stream: true },
  { model: "limited" },
  { model: "reset", stream: true },
  { model: "garbage" },
  { model: "cut-whole" },
  { model: "cut-stream", stream: true },
  { model: "cut-stream", path: "/v1/messages", stream: true },
  { model: "large", stream: true, slow: true },
  { model: "good", body: "{" },
  { model: "good", body: '{"model":"nobody/knows","messages":[]}' },
  { model: "good", leaves: "uploading" },
  { model: "stall", leaves: "waiting" },
  { model: "stall", stream: true, leaves: "waiting" },
  { model: "stall-stream", stream: true, leaves: "reading" },
  { model: "stall-stream", path: "/v1/messages", stream: true, leaves: "reading" },
  { model: "large", stream: true, leaves: "reading" },
];

/** Fails when anything is left over after `count` requests. */
export async function huntLeaks(engine: EngineKind, count: number): Promise<void> {
  const upstream = await startUpstream((request: ReceivedRequest) => PLAYS[modelOf(request)] ?? WHOLE);
  const gateway = await startGateway(
    `[retry]\nper_target = 1\n[provider.up]\nbase_url = "${upstream.url}/v1"\napi_key = "k-secret"\n`,
    { engine },
  );
  /** Those of the gateway itself, and the one that looks after kept connections once there were some. */
  const ownTimers = gateway.time.timers.size + 1;
  const agent = new http.Agent({ keepAlive: true, maxSockets: AT_ONCE });
  const { port } = new URL(gateway.url);

  const run = async (requests: number) => {
    let next = 0;
    const worker = async () => {
      while (next < requests) {
        const kind = KINDS[next++ % KINDS.length] as Kind;
        await send(kind, Number(port), agent);
        if (next % 500 === 0) upstream.forget();
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
  };

  /** What is there when nothing runs and no connection is kept. */
  const measure = async () => {
    agent.destroy();
    const quiet = () => {
      upstream.cut();
      const status = gateway.gateway.status();
      return (
        gateway.gateway.active === 0 && status.upstream.open === 0 && gateway.engine.stats().exchanges === 0
      );
    };
    const until = performance.now() + PATIENCE_MS;
    while (!quiet() && performance.now() < until) await pause(50);
    // A timer whose owner is gone would still be in the wheel.
    while (gateway.time.timers.size > ownTimers && performance.now() < until) await pause(50);
    upstream.forget();
    for (let i = 0; i < 3; i++) {
      collect();
      await pause(20);
    }
    const status = gateway.gateway.status();
    return {
      active: gateway.gateway.active,
      exchanges: gateway.engine.stats().exchanges,
      permits: status.memory.bodies.used,
      upstream: status.upstream,
      timers: Math.max(ownTimers, gateway.time.timers.size),
      sockets: process.getActiveResourcesInfo().filter((name) => name === "TCPSocketWrap").length,
      heap: process.memoryUsage().heapUsed,
      rss: process.memoryUsage.rss(),
    };
  };

  try {
    // Code is compiled and every cache has its first entries before anything is counted.
    await run(Math.max(300, count / 5));
    const before = await measure();
    await run(count);
    const after = await measure();
    const counted = ({ heap: _heap, rss: _rss, ...rest }: typeof before) => rest;
    assert.deepEqual(counted(after), counted(before));
    assert.deepEqual([after.active, after.exchanges, after.permits, after.timers], [0, 0, 0, ownTimers]);
    const grown = after.heap - before.heap;
    assert.ok(grown < HEAP_SLACK_BYTES, `the heap grew by ${grown} bytes over ${count} requests`);
    const resident = after.rss - before.rss;
    assert.ok(resident < RSS_SLACK_BYTES, `RSS grew by ${resident} bytes over ${count} requests`);
  } finally {
    agent.destroy();
    await gateway.close();
    await upstream.close();
  }
}

function modelOf(request: ReceivedRequest): string {
  return /"model":"([^"]*)"/.exec(request.body.toString("latin1"))?.[1] ?? "";
}

/** One request of a kind, over when its answer is or the client has gone. */
function send(kind: Kind, port: number, agent: http.Agent): Promise<void> {
  return new Promise((resolve) => {
    const path = kind.path ?? "/v1/chat/completions";
    const text = [{ role: "user", content: "hello" }];
    const body =
      kind.body ??
      JSON.stringify({
        model: `up/${kind.model}`,
        stream: kind.stream ?? false,
        ...(path === "/v1/responses" ? { input: text } : { max_tokens: 50, messages: text }),
      });
    const length = kind.leaves === "uploading" ? body.length + 1000 : body.length;
    const request = http.request({
      host: "127.0.0.1",
      port,
      path,
      method: "POST",
      agent,
      headers: { "content-type": "application/json", "content-length": length },
    });
    request.on("error", () => {}); // the client that goes, and the answer that is cut
    request.on("close", resolve);
    request.on("response", (response) => {
      response.on("error", () => {});
      if (kind.leaves === "reading") response.once("data", () => request.destroy());
      else if (kind.slow === true) setTimeout(() => response.resume(), 20);
      else response.resume();
    });
    request.write(body);
    if (kind.leaves === "uploading" || kind.leaves === "waiting") setTimeout(() => request.destroy(), 10);
    else request.end();
  });
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
