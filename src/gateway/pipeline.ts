/** The order of steps of a request, written once. Each step says why it stands where it stands (50-governance.md). */
import { readCredentials } from "../auth/credential.ts";
import { Failure, toFailure } from "../base/failure.ts";
import type { LiveEntry } from "../base/live-list.ts";
import type { Exchange } from "../http/exchange.ts";
import type { ClientRoute } from "../http/routes.ts";
import { protocolNamed } from "../protocols/registry.ts";
import { collectBody } from "./body.ts";
import type { Core } from "./core.ts";
import { Delivery } from "./delivery.ts";
import { dispatch } from "./dispatch.ts";
import type { Origination } from "./gateway.ts";
import type { RequestLoop } from "./loop.ts";
import { answerModels, protocolOfCaller } from "./model-list.ts";
import { RequestRecord } from "./record.ts";
import { refusal } from "./refusal.ts";
import type { Session } from "./runtime.ts";
import { finalStatus, settle } from "./settle.ts";

/** Spare room in front of a body (80-performance.md 3). */
const HEADROOM = 64;

export function serveRequest(
  core: Core,
  session: Session,
  exchange: Exchange,
  route: ClientRoute,
  from: Origination,
): void {
  const { snapshot } = session;
  const spoken = protocolOfCaller(route, exchange.headers);
  const protocol = protocolNamed(spoken);
  const record = new RequestRecord(exchange, from, spoken, route.operation, snapshot, core.time.clock.now());
  core.totals.requests++;
  core.totals.active++;
  let loop: RequestLoop | null = null;
  let running: LiveEntry<() => void> | null = null;
  let streams = false;
  const finish = () => {
    if (streams) session.streams.leave(from.address);
    // A client that goes ends the loop and the request: both come here.
    streams = false;
    if (running !== null) session.running.remove(running);
    settle(core, record, delivery, finalStatus(record, delivery));
  };
  const delivery = new Delivery({
    exchange,
    time: core.time,
    onGone: () => {
      loop?.cancel();
      finish();
    },
  });
  const answerWith = (thrown: unknown) => {
    const failure = toFailure(thrown);
    if (failure.kind === "internal")
      core.log.error({ err: failure.cause }, "a request failed inside the gateway");
    record.failure = failure;
    if (!delivery.done) {
      const answer = refusal(protocol, failure, record);
      delivery.respond(answer.status, answer.headers, answer.body);
    }
  };
  const refuse = (thrown: unknown) => {
    answerWith(thrown);
    finish();
  };
  // Everything ends: who has no answer yet gets an error, who has part of one can tell that it is not whole.
  const close = () => {
    if (delivery.started) delivery.cut();
    else answerWith(SHUTTING_DOWN);
    loop?.cancel();
    finish();
  };

  try {
    // Who calls comes before anything is read: a stranger costs no memory.
    const credentials = readCredentials(exchange.headers, exchange.query);
    record.caller = session.authenticator.authenticate(
      credentials,
      from.address,
      placeOf(from),
      core.time.clock.wall(),
    );
    if (session.draining) throw SHUTTING_DOWN;
    const known = answerModels(core, record, route);
    if (known !== null) {
      delivery.respond(known.status, known.headers, known.body);
      finish();
      return;
    }
    running = session.running.add(close);
    // The permit is taken by the declared length before a byte is read.
    collectBody(
      exchange,
      {
        maxBytes: snapshot.config.limits.maxRequestBytes,
        headroom: HEADROOM,
        admit: core.memory.admit,
        release: core.memory.release,
        buffers: core.bodyBuffers,
      },
      (result) => {
        if (record.ended) {
          if (!(result instanceof Failure)) result.release();
          return;
        }
        if (result instanceof Failure) {
          refuse(result);
          return;
        }
        record.holdBody(result);
        record.bodyAt = core.time.clock.now();
        const body = result.buffer.subarray(result.start, result.end);
        record.bytesIn = body.length;
        try {
          const planned = dispatch(core, record, route, body);
          if ("body" in planned) {
            delivery.respond(planned.status, planned.headers, planned.body);
            finish();
            return;
          }
          if (record.stream) {
            streams = session.streams.join(from.address, snapshot.config.limits.maxStreamsPerClient);
            if (!streams) throw TOO_MANY_STREAMS;
          }
          loop = planned.open(delivery, finish);
          loop.start();
        } catch (thrown) {
          refuse(thrown);
        }
      },
    );
  } catch (thrown) {
    refuse(thrown);
  }
}

export function placeOf(from: Origination): "loopback" | "lan" | "other" {
  return from.scope === "remote" ? "other" : from.scope;
}

export const SHUTTING_DOWN = new Failure("overloaded", "the gateway is shutting down", {
  code: "shutting_down",
  retryAfterMs: 1000,
  headers: ["connection", "close"],
});

const TOO_MANY_STREAMS = new Failure(
  "rate_limit",
  "too many streams of this client are open (limits.max_streams_per_client)",
  { code: "too_many_streams", retryAfterMs: 1000 },
);
