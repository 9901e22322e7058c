/** The scripted upstream of the bench: one whole answer, or as many events as `max_tokens` asks for, 20 a second. */
import { listen, native, type Response } from "./native.ts";

const ANSWER = JSON.stringify({
  id: "chatcmpl-0123456789",
  object: "chat.completion",
  created: 1_764_000_000,
  model: "gpt-4o-mini",
  choices: [
    {
      index: 0,
      message: { role: "assistant", content: "Hello there, how can I help?" },
      finish_reason: "stop",
    },
  ],
  usage: { prompt_tokens: 10, completion_tokens: 9, total_tokens: 19 },
});
const CHUNK =
  '"id":"chatcmpl-0123456789","object":"chat.completion.chunk","created":1764000000,"model":"gpt-4o-mini"';
const choice = (delta: string, finish: string) =>
  `data: {${CHUNK},"choices":[{"index":0,"delta":${delta},"finish_reason":${finish}}]}\n\n`;
/** The tilde is what the load generator counts. */
const EVENT = Buffer.from(choice('{"content":"~word"}', "null"));
const LAST = Buffer.from(
  `${choice("{}", '"stop"')}data: {${CHUNK},"choices":[],"usage":{"prompt_tokens":10,"completion_tokens":9,"total_tokens":19}}\n\ndata: [DONE]\n\n`,
);
const INTERVAL_MS = 50;

interface Stream {
  readonly response: Response;
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
    stream.response.write(EVENT);
    if (last) stream.response.end(LAST);
  });
  return !last;
}

function openStream(response: Response, events: number): void {
  const stream = { response, left: events };
  let fewest = buckets[0] as Set<Stream>;
  for (const bucket of buckets) if (bucket.size < fewest.size) fewest = bucket;
  response.onAborted(() => {
    stream.left = 0;
  });
  response.onWritable(() => true);
  response.cork(() => {
    writeHead(response, "text/event-stream");
  });
  if (send(stream)) fewest.add(stream);
}

function writeHead(response: Response, type: string): void {
  response.writeHeader("content-type", type);
  response.writeHeader("openai-processing-ms", "12");
  response.writeHeader("x-request-id", "req_0123456789abcdef");
  response.writeHeader("x-ratelimit-limit-requests", "10000");
  response.writeHeader("x-ratelimit-remaining-requests", "9999");
  response.writeHeader("x-ratelimit-reset-requests", "6ms");
  response.writeHeader("x-ratelimit-limit-tokens", "2000000");
  response.writeHeader("x-ratelimit-remaining-tokens", "1999000");
  response.writeHeader("x-ratelimit-reset-tokens", "30ms");
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
    if (events > 0) openStream(response, events);
    else
      response.cork(() => {
        writeHead(response, "application/json");
        response.end(ANSWER);
      });
  });
});
listen(app);
