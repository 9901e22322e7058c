/** Sends through an upstream client and gathers what came back, for tests that look at whole answers. */
import type { HeaderList } from "../../src/base/headers.ts";
import { createSystemTime, type SystemTime } from "../../src/base/system-time.ts";
import type {
  Origin,
  UpstreamBody,
  UpstreamCall,
  UpstreamClient,
  UpstreamDeadlines,
  UpstreamFailure,
  UpstreamRequest,
} from "../../src/upstream/client.ts";
import { createUpstreamClient, type UpstreamClientOptions } from "../../src/upstream/http1-client.ts";

export interface Outcome {
  readonly status: number;
  readonly headers: HeaderList;
  readonly body: Buffer;
  /** null when it failed. */
  readonly clean: boolean | null;
  readonly failure: UpstreamFailure | null;
  readonly reused: boolean;
}

export interface AskOptions {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: string;
  readonly body?: UpstreamBody | string;
  readonly deadlines?: Partial<UpstreamDeadlines>;
  /** Called with the call as soon as there is one. */
  readonly onCall?: (call: UpstreamCall) => void;
  readonly onHead?: (status: number, call: UpstreamCall) => void;
  readonly onData?: (chunk: Buffer, call: UpstreamCall) => void;
  readonly onWritable?: (call: UpstreamCall) => void;
}

export interface TestClient {
  readonly client: UpstreamClient;
  readonly time: SystemTime;
  ask(origin: Origin, options?: AskOptions): Promise<Outcome>;
  close(): void;
}

const DEADLINES: UpstreamDeadlines = { connect: 3000, firstByte: 3000, idle: 3000, total: 0 };

/** A client on real time. Close it at the end of the test. */
export function testClient(options: Partial<UpstreamClientOptions> = {}): TestClient {
  const time = createSystemTime();
  const client = createUpstreamClient({ time, ...options });
  return {
    client,
    time,
    ask: (origin, ask = {}) => askThrough(client, origin, ask),
    close: () => client.close(),
  };
}

/** Resolves with what came, failures included; never rejects. */
export function askThrough(client: UpstreamClient, origin: Origin, ask: AskOptions = {}): Promise<Outcome> {
  return new Promise((resolve) => {
    const pieces: Buffer[] = [];
    let status = 0;
    let headers: HeaderList = [];
    const finish = (clean: boolean | null, failure: UpstreamFailure | null) =>
      resolve({ status, headers, body: Buffer.concat(pieces), clean, failure, reused: call.reused });
    const call = client.send(requestFor(origin, ask), {
      onHead(head) {
        status = head.status;
        headers = head.headers;
        ask.onHead?.(status, call);
      },
      onData(chunk) {
        pieces.push(Buffer.from(chunk));
        ask.onData?.(chunk, call);
      },
      onEnd: (clean) => finish(clean, null),
      onFail: (failure) => finish(null, failure),
      onWritable: () => ask.onWritable?.(call),
    });
    ask.onCall?.(call);
  });
}

export function requestFor(origin: Origin, ask: AskOptions = {}): UpstreamRequest {
  const body = typeof ask.body === "string" ? [Buffer.from(ask.body)] : (ask.body ?? null);
  return {
    origin,
    method: ask.method ?? (body === null ? "GET" : "POST"),
    path: ask.path ?? "/",
    constantHeaders: "",
    headers: ask.headers ?? "",
    body,
    deadlines: { ...DEADLINES, ...ask.deadlines },
  };
}
