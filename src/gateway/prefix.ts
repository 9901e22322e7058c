/** Raw pass-through under a provider's prefix: any method, any body, streamed both ways, sent once (20-http.md). */
import { withoutKey } from "../auth/credential.ts";
import { Failure, toFailure } from "../base/failure.ts";
import type { LiveEntry } from "../base/live-list.ts";
import type { Exchange } from "../http/exchange.ts";
import { protocolNamed } from "../protocols/registry.ts";
import type {
  ResponseHead,
  UpstreamCall,
  UpstreamFailure,
  UpstreamHandler,
  UpstreamRequest,
} from "../upstream/client.ts";
import { upstreamHeaders } from "./answer-headers.ts";
import { joinBasePath } from "./base-path.ts";
import { checkCaller, SHUTTING_DOWN } from "./caller-check.ts";
import type { Core } from "./core.ts";
import { Delivery } from "./delivery.ts";
import { forwardAllHeaders } from "./forwarded-headers.ts";
import type { Origination } from "./gateway.ts";
import { RequestRecord } from "./record.ts";
import { refusal } from "./refusal.ts";
import type { Session, UnderWay } from "./runtime.ts";
import { finalStatus, settle } from "./settle.ts";
import type { Provider } from "./target.ts";

const OPENAI = protocolNamed("openai-chat");

export function servePrefix(
  core: Core,
  session: Session,
  exchange: Exchange,
  prefix: string,
  rest: string,
  from: Origination,
): void {
  const record = new RequestRecord(
    exchange,
    from,
    "openai-chat",
    "prefix",
    session.snapshot,
    core.time.clock.now(),
  );
  core.totals.requests++;
  core.totals.active++;
  let pass: PassThrough | null = null;
  let running: LiveEntry<UnderWay> | null = null;
  const finish = () => {
    if (running !== null) session.running.remove(running);
    settle(core, record, delivery, finalStatus(record, delivery));
  };
  const delivery = new Delivery(exchange, core.time, {
    onGone() {
      pass?.cancel();
      finish();
    },
  });
  try {
    const { providers } = checkCaller(core, session, record);
    const provider = session.snapshot.providerOfPrefix(prefix);
    if (provider === null)
      throw new Failure("not_found", `no provider has the prefix ${prefix}`, { code: "not_found" });
    if (core.offline.has(provider.name)) {
      throw new Failure("overloaded", `the provider "${provider.name}" was taken offline`, {
        code: "no_target",
      });
    }
    if (providers.length > 0 && !providers.includes(provider.name)) {
      throw new Failure("forbidden", `this key may not use the provider "${provider.name}"`, {
        code: "model_not_allowed",
      });
    }
    pass = new PassThrough(core, record, provider, delivery, finish);
    running = session.running.add(pass);
    pass.start(rest);
  } catch (thrown) {
    const failure = toFailure(thrown);
    if (failure.kind === "internal")
      core.log.error({ err: failure.cause }, "a request failed inside the gateway");
    record.failure = failure;
    const answer = refusal(OPENAI, failure, null, from.requestId);
    delivery.respond(answer.status, answer.headers, answer.body);
    finish();
  }
}

class PassThrough implements UpstreamHandler, UnderWay {
  readonly #core: Core;
  readonly #record: RequestRecord;
  readonly #provider: Provider;
  readonly #delivery: Delivery;
  readonly #onEnd: () => void;
  #call: UpstreamCall | null = null;
  #bodyPaused = false;
  #over = false;

  constructor(core: Core, record: RequestRecord, provider: Provider, delivery: Delivery, onEnd: () => void) {
    this.#core = core;
    this.#record = record;
    this.#provider = provider;
    this.#delivery = delivery;
    this.#onEnd = onEnd;
    record.provider = provider.name;
    record.answeredBy = provider.name;
  }

  start(rest: string): void {
    const { token } = this.#provider;
    if (token === null) {
      this.#send(rest, "");
      return;
    }
    token.get((lines, problem) => {
      if (this.#over) return;
      if (problem === null) this.#send(rest, lines);
      else this.fail(new Failure("upstream_auth", problem, { code: "upstream_auth_error" }));
    });
  }

  cancel(): void {
    if (this.#over) return;
    this.#over = true;
    this.#call?.abort();
  }

  close(): void {
    this.fail(SHUTTING_DOWN);
  }

  onHead(head: ResponseHead): void {
    const headers = upstreamHeaders(head, true, true, OWN_NAMES);
    headers[headers.length - 3] = this.#record.from.requestId;
    headers[headers.length - 1] = this.#provider.name;
    // A length that is known stays known: the caller may show progress by it.
    for (let i = 0; i < head.headers.length; i += 2) {
      if (head.headers[i] === "content-length") headers.push("content-length", head.headers[i + 1] ?? "");
    }
    if (this.#call !== null) this.#delivery.follow(this.#call);
    this.#delivery.start(head.status, headers);
  }

  onData(chunk: Buffer): void {
    this.#delivery.write(chunk);
  }

  onEnd(_clean: boolean): void {
    if (this.#over) return;
    this.#over = true;
    this.#delivery.end();
    this.#onEnd();
  }

  onFail(failure: UpstreamFailure): void {
    const timedOut = failure.cause.endsWith("timeout");
    this.fail(
      new Failure(timedOut ? "timeout" : "upstream", `${this.#provider.name}: ${failure.message}`, {
        code: timedOut ? "upstream_timeout" : "upstream_error",
      }),
    );
  }

  onWritable(): void {
    if (!this.#bodyPaused) return;
    this.#bodyPaused = false;
    this.#record.exchange.resumeBody();
  }

  #send(rest: string, credentials: string): void {
    const { exchange, snapshot } = this.#record;
    const { config } = snapshot;
    const query = withoutKey(exchange.query);
    const path = joinBasePath(this.#provider.facts.basePath, rest);
    const length = exchange.contentLength;
    const { connect, idle, answer } = config.timeouts;
    const request: UpstreamRequest = {
      origin: this.#provider.origin,
      method: exchange.method,
      path: query === "" ? path : `${path}?${query}`,
      constantHeaders: this.#provider.constantHeaders,
      headers: credentials + forwardAllHeaders(exchange.headers, this.#provider.forward.fixed),
      body: length === 0 ? null : { length },
      // Providers may be silent for minutes before the head of a whole answer; a body that has begun may not.
      deadlines: { connect, firstByte: answer, idle: Math.max(idle, 60_000), total: 0 },
    };
    const call = this.#provider.transport.send(request, this);
    this.#call = call;
    if (length === 0) return;
    exchange.receive({
      onChunk: (chunk, last) => {
        if (this.#over) return;
        this.#record.bytesIn += chunk.length;
        if (chunk.length > 0 && !call.write(chunk) && !last) {
          this.#bodyPaused = true;
          exchange.pauseBody();
        }
        if (last) call.end();
      },
    });
  }

  /** Ends it with an error, or cuts what has begun. */
  fail(failure: Failure): void {
    if (this.#over) return;
    this.#over = true;
    this.#call?.abort();
    this.#record.failure = failure;
    if (this.#delivery.started) this.#delivery.cut();
    else {
      const answer = refusal(OPENAI, failure, null, this.#record.from.requestId);
      this.#delivery.respond(answer.status, answer.headers, answer.body);
    }
    this.#core.log.debug({ provider: this.#provider.name, code: failure.code }, "a pass-through failed");
    this.#onEnd();
  }
}

const OWN_NAMES = ["x-request-id", "x-sluice-provider"];
