/** The request path without sockets: what one request costs between the engine's callback and the upstream client's, in microseconds. */
import { closeSync, openSync } from "node:fs";
import { createSystemTime } from "../../../src/base/system-time.ts";
import { loadConfig } from "../../../src/config/load.ts";
import { createGateway } from "../../../src/gateway/runtime.ts";
import { createApp } from "../../../src/http/app.ts";
import type { BodyReceiver, Exchange, ExchangeListener } from "../../../src/http/exchange.ts";
import { createLog } from "../../../src/telemetry/log.ts";
import type { UpstreamCall, UpstreamClient } from "../../../src/upstream/client.ts";

const ROUNDS = Number(process.env["ROUNDS"] ?? 9);
const REQUESTS = Number(process.env["REQUESTS"] ?? 20_000);
const STREAM = process.env["STREAM"] === "1";
const LARGE = process.env["LARGE"] === "1";
const KEY = "sk-bench-0123456789abcdef";
const provider = (name: string) =>
  `[provider.${name}]\nbase_url = "http://127.0.0.1:9/v1"\napi_key = "sk-upstream-${name}"\ndialect = "openai"\n`;
const loaded = loadConfig(
  `[auth]\n[[auth.keys]]\nid = "bench"\nkey = "${KEY}"\n${provider("a")}${provider("b")}[model.fast]\nstrategy = "latency"\ncontinuation = true\ntargets = [{ provider = "a", model = "gpt-4o-mini" }, { provider = "b", model = "gpt-4o-mini" }]\n`,
  { file: "bench.toml", env: {}, now: Date.now() },
);
if (!loaded.ok) throw new Error(JSON.stringify(loaded.errors));

const ANSWER = Buffer.from(
  '{"id":"chatcmpl-0123456789","object":"chat.completion","created":1764000000,"model":"gpt-4o-mini","choices":[{"index":0,"message":{"role":"assistant","content":"Hello there, how can I help?"},"finish_reason":"stop"}],"usage":{"prompt_tokens":10,"completion_tokens":9,"total_tokens":19}}',
);
const CHUNK =
  '"id":"chatcmpl-0123456789","object":"chat.completion.chunk","created":1764000000,"model":"gpt-4o-mini"';
const EVENT = Buffer.from(
  `data: {${CHUNK},"choices":[{"index":0,"delta":{"content":" word"},"finish_reason":null}]}\n\n`,
);
const LAST = Buffer.from(
  `data: {${CHUNK},"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n`,
);
const EVENTS = 100;
const HEAD = {
  status: 200,
  headers: [
    "content-type",
    STREAM ? "text/event-stream" : "application/json",
    "openai-processing-ms",
    "12",
    "x-request-id",
    "req_0123456789abcdef",
    "x-ratelimit-limit-requests",
    "10000",
    "x-ratelimit-remaining-requests",
    "9999",
    "x-ratelimit-reset-requests",
    "6ms",
    "content-length",
    String(ANSWER.length),
  ],
};
const PROMPT = "Tell me, in a few words, what a gateway is good for.";
/** A conversation of about 119 KB. */
const CONVERSATION = Array.from({ length: 100 }, (_, i) => ({
  role: i % 2 === 0 ? "user" : "assistant",
  content: `He said "no".\n${PROMPT.repeat(21)}`,
}));
const BODY = Buffer.from(
  JSON.stringify({
    model: "fast",
    messages: LARGE ? CONVERSATION : [{ role: "user", content: PROMPT }],
    temperature: 0.2,
    ...(STREAM ? { stream: true } : {}),
  }),
);
const CALL: UpstreamCall = {
  connected: true,
  reused: true,
  abort() {},
  pause() {},
  resume() {},
  write: () => true,
  end() {},
};

let ended = 0;
/** Answers at the next turn of the loop, as a socket would. */
const upstream: UpstreamClient = {
  send(_request, handler) {
    setImmediate(() => {
      handler.onHead(HEAD);
      if (STREAM) {
        for (let i = 0; i < EVENTS; i++) handler.onData(EVENT);
        handler.onData(LAST);
      } else {
        handler.onData(ANSWER);
      }
      handler.onEnd(true);
    });
    return CALL;
  },
  probe: () => () => {},
  stats: () => ({ open: 0, idle: 0, waiting: 0 }),
  close() {},
};
const time = createSystemTime();
const fd = openSync("/dev/null", "w");
const log = createLog({ level: "info", format: "json", color: false, timers: time.timers, fd });
const gateway = createGateway({
  config: loaded.config,
  time,
  log,
  upstream,
  version: "bench",
  env: {},
  readFile: () => "",
});
const app = createApp({
  gateway,
  random: time.random,
  log,
  operations: {
    draining: false,
    hasConsole: false,
    version: "bench",
    reload: () => Promise.reject(new Error("no")),
    status: () => {
      throw new Error("no");
    },
  },
});

class BenchExchange implements Exchange {
  readonly method = "POST";
  readonly path = "/v1/chat/completions";
  readonly query = "";
  readonly headers = [
    "host",
    "127.0.0.1:4000",
    "content-type",
    "application/json",
    "authorization",
    `Bearer ${KEY}`,
    "user-agent",
    "OpenAI/JS 6.49.0",
    "x-stainless-lang",
    "js",
    "x-stainless-retry-count",
    "0",
    "accept",
    "application/json",
    "content-length",
    String(BODY.length),
  ];
  readonly peer = { address: "127.0.0.1", localAddress: "127.0.0.1" };
  readonly contentLength = BODY.length;
  started = false;
  closed = false;
  listen(_listener: ExchangeListener): void {}
  receive(receiver: BodyReceiver): void {
    receiver.onChunk(BODY, true);
  }
  pauseBody(): void {}
  resumeBody(): void {}
  respond(status: number): void {
    if (status !== 200) throw new Error(`answered ${status}`);
    this.#end();
  }
  start(status: number): void {
    if (status !== 200) throw new Error(`answered ${status}`);
  }
  write(): boolean {
    return true;
  }
  end(): void {
    this.#end();
  }
  destroy(): void {
    throw new Error("cut");
  }
  #end(): void {
    ended++;
  }
}

const requests = STREAM ? REQUESTS / 20 : REQUESTS;
const times: number[] = [];
for (let round = 0; round < ROUNDS; round++) {
  const before = process.cpuUsage();
  const until = ended + requests;
  while (ended < until) {
    for (let i = 0; i < 16; i++) app.handle(new BenchExchange());
    await new Promise(setImmediate);
  }
  const used = process.cpuUsage(before);
  times.push((used.user + used.system) / requests);
}
const sorted = times.slice(2).sort((a, b) => a - b);
const each = STREAM ? ` of ${EVENTS} events, ${((sorted[0] ?? 0) / EVENTS).toFixed(2)} us an event` : "";
console.log(
  `${(sorted[sorted.length >> 1] ?? 0).toFixed(2)} us a request (fastest ${(sorted[0] ?? 0).toFixed(2)})${each}`,
);
log.flush();
closeSync(fd);
process.exit(0);
