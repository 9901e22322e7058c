/** The order of steps of a request, written once. Each step says why it stands where it stands (50-governance.md). */
import { Failure, toFailure } from "../base/failure.ts";
import type { LiveEntry } from "../base/live-list.ts";
import type { Exchange } from "../http/exchange.ts";
import type { ClientRoute } from "../http/route.ts";
import { protocolNamed } from "../protocols/registry.ts";
import { type BodyTaker, type CollectedBody, collectBody } from "./body.ts";
import { checkCaller, SHUTTING_DOWN } from "./caller-check.ts";
import type { Core } from "./core.ts";
import { Delivery, type DeliveryOwner } from "./delivery.ts";
import { dispatch } from "./dispatch.ts";
import type { Origination } from "./gateway.ts";
import type { LoopOwner, RequestLoop } from "./loop.ts";
import { answerModels, protocolOfCaller } from "./model-list.ts";
import { RequestRecord } from "./record.ts";
import { refusal } from "./refusal.ts";
import type { Session, UnderWay } from "./runtime.ts";
import { finalStatus, settle } from "./settle.ts";

export function serveRequest(
  core: Core,
  session: Session,
  exchange: Exchange,
  route: ClientRoute,
  from: Origination,
): void {
  const spoken = protocolOfCaller(route, exchange.headers);
  const now = core.time.clock.now();
  const record = new RequestRecord(exchange, from, spoken, route.operation, session.snapshot, now);
  core.totals.requests++;
  core.totals.active++;
  new ServedRequest(core, session, record, route).begin();
}

/** One object with methods: as long as a stream runs, each closure would cost as much again. */
class ServedRequest implements BodyTaker, DeliveryOwner, LoopOwner, UnderWay {
  readonly #core: Core;
  readonly #session: Session;
  readonly #record: RequestRecord;
  readonly #route: ClientRoute;
  readonly #delivery: Delivery;
  #loop: RequestLoop | null = null;
  #entry: LiveEntry<UnderWay> | null = null;
  /** It counts among its client's streams. */
  #streams = false;

  constructor(core: Core, session: Session, record: RequestRecord, route: ClientRoute) {
    this.#core = core;
    this.#session = session;
    this.#record = record;
    this.#route = route;
    this.#delivery = new Delivery(record.exchange, core.time, this);
  }

  begin(): void {
    const core = this.#core;
    const session = this.#session;
    const record = this.#record;
    const { exchange } = record;
    try {
      checkCaller(core, session, record);
      const known = answerModels(core, record, this.#route);
      if (known !== null) {
        this.#delivery.respond(known.status, known.headers, known.body);
        this.#finish();
        return;
      }
      this.#entry = session.running.add(this);
      // The permit is taken by the declared length before a byte is read.
      const { maxRequestBytes } = record.snapshot.config.limits;
      collectBody(exchange, maxRequestBytes, core, this);
    } catch (thrown) {
      this.#refuse(thrown);
    }
  }

  onGone(): void {
    this.#loop?.cancel();
    this.#finish();
  }

  onEnd(): void {
    this.#finish();
  }

  /** Everything ends: who has no answer yet gets an error, who has part of one can tell that it is not whole. */
  close(): void {
    if (this.#delivery.started) this.#delivery.cut();
    else this.#answerWith(SHUTTING_DOWN);
    this.#loop?.cancel();
    this.#finish();
  }

  onBody(result: CollectedBody | Failure): void {
    const record = this.#record;
    if (record.ended) {
      if (!(result instanceof Failure)) result.release();
      return;
    }
    if (result instanceof Failure) {
      this.#refuse(result);
      return;
    }
    record.holdBody(result);
    record.bodyAt = this.#core.time.clock.now();
    record.bytesIn = result.bytes.length;
    try {
      const planned = dispatch(this.#core, record, this.#route, result.bytes);
      if ("body" in planned) {
        this.#delivery.respond(planned.status, planned.headers, planned.body);
        this.#finish();
        return;
      }
      if (record.stream) {
        const { maxStreamsPerClient } = record.snapshot.config.limits;
        this.#streams = this.#session.streams.join(record.from.address, maxStreamsPerClient);
        if (!this.#streams) throw TOO_MANY_STREAMS;
      }
      this.#loop = planned.open(this.#delivery, this);
      this.#loop.start();
    } catch (thrown) {
      this.#refuse(thrown);
    }
  }

  #refuse(thrown: unknown): void {
    this.#answerWith(thrown);
    this.#finish();
  }

  #answerWith(thrown: unknown): void {
    const record = this.#record;
    const failure = toFailure(thrown);
    if (failure.kind === "internal")
      this.#core.log.error({ err: failure.cause }, "a request failed inside the gateway");
    record.failure = failure;
    if (this.#delivery.done) return;
    const answer = refusal(protocolNamed(record.protocol), failure, record);
    this.#delivery.respond(answer.status, answer.headers, answer.body);
  }

  #finish(): void {
    const session = this.#session;
    if (this.#streams) session.streams.leave(this.#record.from.address);
    // A client that goes ends the loop and the request: both come here.
    this.#streams = false;
    if (this.#entry !== null) session.running.remove(this.#entry);
    settle(this.#core, this.#record, this.#delivery, finalStatus(this.#record, this.#delivery));
  }
}

const TOO_MANY_STREAMS = new Failure(
  "rate_limit",
  "too many streams of this client are open (limits.max_streams_per_client)",
  { code: "too_many_streams", retryAfterMs: 1000 },
);
