/** An upstream client without sockets: every request is answered by a script in simulated time. */
import type { Time, Timer } from "../../src/base/clock.ts";
import { piecesOf } from "../../src/base/json-edit.ts";
import type {
  UpstreamCall,
  UpstreamClient,
  UpstreamFailure,
  UpstreamHandler,
  UpstreamRequest,
} from "../../src/upstream/client.ts";
import { isWhole } from "../../src/upstream/request-head.ts";

/** One thing a server does, `afterMs` after the one before. */
export type Act = { readonly afterMs: number } & (
  | { readonly connect: true }
  | { readonly head: number; readonly headers?: readonly string[] }
  | { readonly data: string }
  | { readonly end: true }
  | { readonly fail: UpstreamFailure }
);

/** An answer; what does not end goes on for ever. */
export type Acts = readonly Act[];

export interface NetworkRequest {
  readonly host: string;
  readonly path: string;
  readonly body: string;
  /** Simulated milliseconds. */
  readonly at: number;
  /** "" while it runs. */
  outcome: "" | "ended" | "failed" | "aborted";
  endedAt: number;
  /** Of the head that reached the gateway; 0 = none yet. */
  status: number;
  /** Of that head. */
  headers: readonly string[];
  /** When the gateway last heard of it: head or data; -1 = never. */
  heardAt: number;
  /** Data that reached the gateway. */
  delivered: string;
  json(): ReturnType<typeof JSON.parse>;
}

export interface FakeNetwork extends UpstreamClient {
  readonly requests: NetworkRequest[];
  /** Calls under way. */
  readonly open: number;
  readonly probes: number;
}

export interface FakeNetworkOptions {
  readonly time: Time;
  answer(request: NetworkRequest): Acts;
  /** Whether a bare connect succeeds, and after how long. */
  reach?(host: string): { readonly reachable: boolean; readonly afterMs: number };
  /** Requests are not written down: for long runs. */
  readonly forget?: boolean;
}

export function createFakeNetwork(options: FakeNetworkOptions): FakeNetwork {
  const { time } = options;
  const requests: NetworkRequest[] = [];
  const calls = new Set<FakeCall>();
  let probes = 0;
  return {
    requests,
    get open() {
      return calls.size;
    },
    get probes() {
      return probes;
    },
    send(request, handler) {
      if (request.method === "GET" && request.path === "/v1/models?limit=1000") return refused(handler);
      const record = recordOf(request, time.clock.now());
      if (options.forget !== true) requests.push(record);
      const call = new FakeCall(
        time,
        record,
        options.answer(record),
        handler,
        request.deadlines.connect,
        () => calls.delete(call),
      );
      calls.add(call);
      call.go();
      return call;
    },
    probe(origin, timeoutMs, done) {
      probes++;
      const { reachable, afterMs } = options.reach?.(origin.host) ?? { reachable: true, afterMs: 1 };
      const timer = time.timers.start(Math.min(afterMs, timeoutMs), () =>
        done(reachable && afterMs <= timeoutMs),
      );
      return () => timer.cancel();
    },
    stats: () => ({ open: calls.size, idle: 0, waiting: 0 }),
    close() {
      for (const call of [...calls]) call.abort();
    },
  };
}

/** The gateway's own question what Claude models take finds nobody, at once: scripts speak of callers' requests. */
function refused(handler: UpstreamHandler): UpstreamCall {
  queueMicrotask(() => handler.onFail({ cause: "refused", message: "no list of models here" }));
  const nothing = () => {};
  return {
    reused: false,
    connected: false,
    pause: nothing,
    resume: nothing,
    abort: nothing,
    write: () => false,
    end: nothing,
  };
}

function recordOf(request: UpstreamRequest, at: number): NetworkRequest {
  const given = request.body;
  const body = given !== null && isWhole(given) ? Buffer.concat(piecesOf(given)).toString("utf8") : "";
  return {
    host: request.origin.host,
    path: request.path,
    body,
    at,
    outcome: "",
    endedAt: -1,
    status: 0,
    headers: [],
    heardAt: -1,
    delivered: "",
    json: () => JSON.parse(body),
  };
}

class FakeCall implements UpstreamCall {
  readonly reused = false;
  connected = false;
  readonly #time: Time;
  readonly #record: NetworkRequest;
  readonly #acts: Acts;
  readonly #handler: UpstreamHandler;
  readonly #onOver: () => void;
  readonly #connectBy: number;
  #next = 0;
  #paused = false;
  #waiting = false;
  #timer: Timer | null = null;
  #connect: Timer | null = null;

  constructor(
    time: Time,
    record: NetworkRequest,
    acts: Acts,
    handler: UpstreamHandler,
    connectMs: number,
    onOver: () => void,
  ) {
    this.#time = time;
    this.#record = record;
    this.#acts = acts;
    this.#handler = handler;
    this.#onOver = onOver;
    this.#connectBy = connectMs;
  }

  go(): void {
    if (this.#connectBy > 0) {
      this.#connect = this.#time.timers.start(this.#connectBy, () =>
        this.#fail({ cause: "connect_timeout", message: `no connection within ${this.#connectBy} ms` }),
      );
    }
    this.#schedule();
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    if (this.#waiting) this.#timer?.restart(0);
    this.#waiting = false;
  }

  abort(): void {
    this.#over("aborted");
  }

  write(): boolean {
    throw new Error("streamed bodies are not simulated");
  }

  end(): void {}
  releaseBody(): void {}

  #schedule(): void {
    const act = this.#acts[this.#next];
    if (act === undefined) return;
    if (this.#timer === null) this.#timer = this.#time.timers.start(act.afterMs, () => this.#play());
    else this.#timer.restart(act.afterMs);
  }

  #play(): void {
    if (this.#record.outcome !== "") return;
    if (this.#paused) {
      this.#waiting = true;
      return;
    }
    const act = this.#acts[this.#next++];
    if (act === undefined) return;
    if ("fail" in act) {
      this.#fail(act.fail);
      return;
    }
    this.connected = true;
    this.#connect?.cancel();
    if ("head" in act || "data" in act) this.#record.heardAt = this.#time.clock.now();
    if ("head" in act) {
      this.#record.status = act.head;
      this.#record.headers = act.headers ?? [];
      this.#handler.onHead({ status: act.head, headers: act.headers ?? [] });
    } else if ("data" in act) {
      this.#record.delivered += act.data;
      this.#handler.onData(Buffer.from(act.data));
    } else if ("end" in act) {
      this.#over("ended");
      this.#handler.onEnd(true);
      return;
    }
    if (this.#record.outcome === "") this.#schedule();
  }

  #fail(failure: UpstreamFailure): void {
    if (!this.#over("failed")) return;
    this.#handler.onFail(failure);
  }

  #over(outcome: "ended" | "failed" | "aborted"): boolean {
    if (this.#record.outcome !== "") return false;
    this.#record.outcome = outcome;
    this.#record.endedAt = this.#time.clock.now();
    this.#timer?.cancel();
    this.#connect?.cancel();
    this.#onOver();
    return true;
  }
}
