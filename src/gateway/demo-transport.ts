/** Plays the demo provider's answers through the upstream client's contract, so that nothing else knows it is not a network. */
import type { Time } from "../base/clock.ts";
import { piecesOf } from "../base/json-edit.ts";
import { answerDemo, type DemoOptions, failDemo } from "../providers/demo.ts";
import type { UpstreamCall, UpstreamHandler, UpstreamRequest } from "../upstream/client.ts";
import { isWhole } from "../upstream/request-head.ts";

export interface DemoTransport {
  send(request: UpstreamRequest, handler: UpstreamHandler): UpstreamCall;
}

/** `errorRate` in 0..1 is drawn per request from the injected random source. */
export function createDemoTransport(
  options: DemoOptions & { readonly errorRate: number },
  time: Time,
): DemoTransport {
  return {
    send(request, handler) {
      const body = joinBody(request.body);
      const path = request.path.split("?")[0] ?? "";
      const answer =
        time.random.next() < options.errorRate
          ? failDemo()
          : answerDemo(path, body, options, Math.floor(time.clock.wall() / 1000));
      return play(answer, handler, time);
    },
  };
}

function joinBody(body: UpstreamRequest["body"]): string {
  return body !== null && isWhole(body) ? Buffer.concat(piecesOf(body)).toString("utf8") : "";
}

function play(answer: ReturnType<typeof answerDemo>, handler: UpstreamHandler, time: Time): UpstreamCall {
  let next = 0;
  let paused = false;
  let due = false;
  let started = false;
  let ended = false;
  // Pieces leave on schedule even when the 50 ms wheel is coarser than the token rate.
  let scheduled = time.clock.now() + (answer.pieces[0]?.afterMs ?? 0);

  const step = () => {
    due = false;
    if (paused) {
      due = true;
      return;
    }
    if (!started) {
      started = true;
      handler.onHead({ status: answer.status, headers: ["content-type", answer.contentType] });
    }
    while (!ended && !paused && next < answer.pieces.length && scheduled <= time.clock.now() + 1) {
      const piece = answer.pieces[next++];
      if (piece === undefined) break;
      scheduled += answer.pieces[next]?.afterMs ?? 0;
      handler.onData(Buffer.from(piece.text, "utf8"));
    }
    if (ended) return;
    if (next >= answer.pieces.length) {
      ended = true;
      handler.onEnd(true);
    } else if (paused) {
      due = true;
    } else {
      timer.restart(Math.max(0, scheduled - time.clock.now()));
    }
  };
  const timer = time.timers.start(Math.max(0, scheduled - time.clock.now()), step);

  return {
    connected: true,
    reused: true,
    pause() {
      paused = true;
    },
    resume() {
      paused = false;
      if (due && !ended) timer.restart(0);
    },
    abort() {
      ended = true;
      timer.cancel();
    },
    write: () => true,
    end() {},
  };
}
