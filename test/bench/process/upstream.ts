/** The scripted upstream of the bench: one whole answer, or as many events as `max_tokens` asks for, 20 a second. */
import { listen, native, type Response } from "./native.ts";

/** So many answers and events before the first comes again: a real provider's ids, words, figures and quotas are others each time. */
const VARIANTS = 64;
const WORDS =
  "a gateway holds the keys, asks whoever is fast and healthy, and goes on when one of them fails".split(" ");
const words = (from: number, count: number) =>
  Array.from({ length: count }, (_, i) => WORDS[(from + i) % WORDS.length]).join(" ");
const idOf = (variant: number) => `chatcmpl-${(variant * 2_654_435_761).toString(36).padStart(10, "0")}`;
const ANSWERS = Array.from({ length: VARIANTS }, (_, variant) => {
  const completion = 5 + (variant % 9);
  const usage = { prompt_tokens: 10, completion_tokens: completion, total_tokens: 10 + completion };
  const message = { role: "assistant", content: words(variant, completion) };
  return JSON.stringify({
    id: idOf(variant),
    object: "chat.completion",
    created: 1_764_000_000 + variant,
    model: "gpt-4o-mini",
    choices: [{ index: 0, message, finish_reason: "stop" }],
    usage,
  });
});
const chunk = (variant: number, choices: string, more = "") =>
  `data: {"id":"${idOf(variant)}","object":"chat.completion.chunk","created":1764000000,"model":"gpt-4o-mini","choices":[${choices}]${more}}\n\n`;
const choice = (delta: string, finish: string) => `{"index":0,"delta":${delta},"finish_reason":${finish}}`;
/** By stream, then by word. The tilde is what the load generator counts. */
const EVENTS = Array.from({ length: VARIANTS }, (_, variant) =>
  WORDS.map((word) => Buffer.from(chunk(variant, choice(`{"content":"~${word}"}`, "null")))),
);
const LAST = Array.from({ length: VARIANTS }, (_, variant) =>
  Buffer.from(
    `${chunk(variant, choice("{}", '"stop"'))}${chunk(variant, "", ',"usage":{"prompt_tokens":10,"completion_tokens":9,"total_tokens":19}')}data: [DONE]\n\n`,
  ),
);
const INTERVAL_MS = 50;

interface Stream {
  readonly response: Response;
  readonly variant: number;
  left: number;
}

const STREAMED = Buffer.from('"stream":true');
/** One bucket per millisecond of the interval: streams are spread over it as they open. */
const buckets: Set<Stream>[] = Array.from({ length: INTERVAL_MS }, () => new Set<Stream>());
let ticks = 0;
const startedAt = performance.now();

setInterval(() => {
  const due = Math.floor(performance.now() - startedAt);
  for (; ticks < due; ticks++) {
    const bucket = buckets[ticks % INTERVAL_MS];
    for (const stream of bucket ?? []) if (!send(stream)) bucket?.delete(stream);
  }
}, 1);

/** False: that was the last event. */
function send(stream: Stream): boolean {
  if (stream.left <= 0) return false;
  stream.left--;
  const last = stream.left === 0;
  stream.response.cork(() => {
    stream.response.write(EVENTS[stream.variant]?.[stream.left % WORDS.length] ?? "");
    if (last) stream.response.end(LAST[stream.variant]);
  });
  return !last;
}

let count = 0;

function openStream(response: Response, events: number): void {
  const stream = { response, variant: count % VARIANTS, left: events };
  let fewest = buckets[0] as Set<Stream>;
  for (const bucket of buckets) if (bucket.size < fewest.size) fewest = bucket;
  response.onAborted(() => {
    stream.left = 0;
  });
  response.onWritable(() => true);
  response.cork(() => {
    writeHead(response, "text/event-stream", count);
  });
  if (send(stream)) fewest.add(stream);
}

function writeHead(response: Response, type: string, count: number): void {
  response.writeHeader("content-type", type);
  response.writeHeader("openai-processing-ms", String(80 + (count % 57)));
  response.writeHeader("x-request-id", `req_${(count * 2_654_435_761).toString(16).padStart(16, "0")}`);
  response.writeHeader("x-ratelimit-limit-requests", "10000");
  response.writeHeader("x-ratelimit-remaining-requests", String(9999 - (count % 900)));
  response.writeHeader("x-ratelimit-reset-requests", "6ms");
  response.writeHeader("x-ratelimit-limit-tokens", "2000000");
  response.writeHeader("x-ratelimit-remaining-tokens", String(1_999_000 - (count % 900) * 31));
  response.writeHeader("x-ratelimit-reset-tokens", `${1 + (count % 50)}ms`);
}

const { CERT, KEY } = process.env;
const app =
  CERT !== undefined && KEY !== undefined
    ? native.SSLApp({ cert_file_name: CERT, key_file_name: KEY })
    : native.App();
app.post("/v1/chat/completions", (response) => {
  let events = 0;
  let aborted = false;
  response.onAborted(() => {
    aborted = true;
  });
  response.onData((data, last) => {
    const bytes = Buffer.from(data);
    if (events === 0 && bytes.includes(STREAMED)) {
      events = Number(/"max_(?:completion_)?tokens":(\d+)/.exec(bytes.toString("latin1"))?.[1] ?? 1);
    }
    if (!last || aborted) return;
    count++;
    if (events > 0) openStream(response, events);
    else
      response.cork(() => {
        writeHead(response, "application/json", count);
        response.end(ANSWERS[count % VARIANTS]);
      });
  });
});
listen(app);
