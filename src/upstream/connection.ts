/** One connection to an origin: writes a request, feeds the parser with the answer, watches the deadlines, and tells its owner what became of it. */
import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import type { Time, Timer, TimerTarget } from "../base/clock.ts";
import type { HeaderList } from "../base/headers.ts";
import type { TurnWriter, WriteTurn } from "../base/write-turn.ts";
import type { Call } from "./call.ts";
import type { UpstreamDeadlines, UpstreamFailure, UpstreamRequest } from "./client.ts";
import type { Network } from "./dial.ts";
import type { HeadNames } from "./head-names.ts";
import { authority } from "./origin.ts";
import { isSmall, RequestBody } from "./request-body.ts";
import { isWhole, type OriginHead } from "./request-head.ts";
import { type HeadScanners, ResponseParser, type ResponseSink } from "./response-parser.ts";
import { attachReader, type SocketReader } from "./socket-reader.ts";

export interface ConnectionOwner {
  readonly head: OriginHead;
  readonly scanners: HeadScanners;
  /** What stands for a request that is out and need not be kept. */
  spent(deadlines: UpstreamDeadlines): UpstreamRequest;
  /** The answer is complete and the connection may serve again. */
  released(connection: Connection): void;
  /** It is closed or about to be. `byServer` = while it was idle. Called once. */
  gone(connection: Connection, byServer: boolean): void;
  /** Died before the first byte of the answer after having served: the request goes out once more. */
  resend(call: Call): void;
}

/** What a peer that closed on us may still have sent, and what follows an answer that is whole, is read for so long. */
const LAST_WORDS_MS = 1000;

/** What every piece of an answer touches stands first, and together: of a thousand streams, each is out of the cache. */
export class Connection implements ResponseSink, SocketReader, TimerTarget, TurnWriter {
  #call: Call | null = null;
  readonly parser: ResponseParser;
  /** The call's request goes out at the end of the turn. */
  #unsent = false;
  /** Made when there is a deadline: mostly the caller watches its own. */
  #timer: Timer | null = null;
  /** The call has a deadline. */
  #timed = false;
  readonly socket: Socket;
  /** Answers begun on this connection. */
  served = 0;
  /** Monotonic milliseconds, while idle. */
  idleSince = 0;
  idleUntil = 0;
  readonly #owner: ConnectionOwner;
  readonly #time: Time;
  readonly #body: RequestBody;
  readonly #turn: WriteTurn;
  /**
   * Over TLS: Node tells only in the next turn that a write is done, and the answer may be there first. Of a small
   * request that is no matter: the next one on this connection looks. Others go out at once, so that it is told in time.
   */
  readonly #toldLate: boolean;
  #gone = false;
  /** Why writing failed: the answer may have come before (an early 413), so reading goes on. */
  #writeError = "";

  constructor(socket: Socket, owner: ConnectionOwner, network: Network) {
    this.socket = socket;
    this.parser = new ResponseParser(this, owner.scanners);
    this.#owner = owner;
    this.#time = network.time;
    this.#body = new RequestBody(socket, network.writeBuffer);
    this.#turn = network.turn;
    this.#toldLate = socket instanceof TLSSocket;
    attachReader(socket, this);
  }

  get usable(): boolean {
    return !this.#gone && !this.socket.destroyed && this.socket.writable;
  }

  /** The request that is being served is out, or was copied, whole. */
  get sent(): boolean {
    return this.#body.spent;
  }

  send(call: Call): void {
    this.#call = call;
    call.connection = this;
    call.connected = true;
    call.reused = this.served > 0;
    this.served += 1;
    this.parser.begin(call.request.method === "HEAD");
    if (call.paused) this.socket.pause();
    this.#unsent = true;
    const { body, deadlines } = call.request;
    this.#timed = deadlines.idle > 0 || call.totalAt !== Number.POSITIVE_INFINITY;
    const later = this.#toldLate ? isSmall(body) : body === null || isWhole(body);
    if (later) this.#turn.add(this);
    else this.writeNow();
  }

  writeNow(): void {
    const call = this.#call;
    if (call === null || !this.#unsent) return; // the connection was dropped since
    if (this.#toldLate && this.socket.writableLength > 0) {
      this.#sendElsewhere(call); // the request before it is still not out
      return;
    }
    this.#unsent = false;
    const problem = this.#body.begin(this.#owner.head, call);
    if (problem !== "") {
      this.#fail(call, { cause: "reset", message: problem });
      return;
    }
    if (call.bodyReleased) this.dropWritten(call);
    this.#armForAnswer(call);
    if (call.blocked && this.#body.flushed) this.#writable(call);
  }

  onHead(status: number, headers: HeaderList, names: HeadNames | null): void {
    const call = this.#call;
    if (call === null) return;
    call.handler.onHead({ status, headers, names });
  }

  onBody(bytes: Buffer, start: number, end: number): void {
    const call = this.#call;
    if (call === null || call.over) return;
    const { handler } = call;
    if (handler.onBytes === undefined) handler.onData(bytes.subarray(start, end));
    else handler.onBytes(bytes, start, end);
  }

  pause(): void {
    this.socket.pause();
    if (this.#call !== null) this.#arm(this.#call, 0);
  }

  resume(): void {
    this.socket.resume();
    if (this.#call === null) return;
    if (this.parser.headed) this.#arm(this.#call, this.#call.request.deadlines.idle);
    else this.#armForAnswer(this.#call);
  }

  /** False: the piece waits in the socket, stop until `onWritable`. */
  writeBody(call: Call, chunk: Uint8Array): boolean {
    const problem = this.#body.write(call, chunk);
    if (problem !== "") this.#fail(call, { cause: "reset", message: problem });
    this.#armForAnswer(call);
    return this.#body.flushed;
  }

  /** The body of `call` has been given up by its caller: what is written of the request need not be kept. */
  dropWritten(call: Call): void {
    if (this.#unsent || !this.#body.dropWritten()) return;
    call.request = this.#owner.spent(call.request.deadlines);
  }

  endBody(call: Call): void {
    const problem = this.#body.end(call);
    if (problem !== "") this.#fail(call, { cause: "reset", message: problem });
    this.#armForAnswer(call);
  }

  /** Closes at once; whatever call it has hears nothing more. */
  drop(): void {
    this.#leave();
    this.#close(false);
  }

  /** Closes at once and tells the call. */
  failWith(failure: UpstreamFailure): void {
    if (this.#call !== null) this.#fail(this.#call, failure);
    else this.#close(false);
  }

  /** The call has all it wants: the end of the body, which mostly is in the same read, frees the connection. */
  awaitEnd(): void {
    this.#startTimer(LAST_WORDS_MS);
  }

  receive(bytes: Buffer, length: number): void {
    const call = this.#call;
    if (call === null) {
      this.#close(true); // an idle connection has nothing to say, save that it is about to close (408)
      return;
    }
    if (this.#unsent && call.reused && call.repeatable) {
      this.#sendElsewhere(call); // said while it was idle: no answer to what was not asked yet
      return;
    }
    const state = this.parser.feed(bytes, length);
    if (state === "more") {
      if ((this.#timed || this.#timer !== null) && this.parser.headed && !call.paused && !call.over)
        this.#arm(call, call.request.deadlines.idle);
    } else if (state === "done") {
      this.#complete(call, true);
    } else if (state === "refused") {
      this.#fail(call, {
        cause: "bad_response",
        message: `the answer of ${this.#where(call)} ${this.parser.refusal}`,
      });
    }
  }

  /** After a write that failed: bytes already here outrank that error. */
  outlives(error: NodeJS.ErrnoException | undefined): boolean {
    if (error?.syscall !== "write" || this.#gone || this.#call === null || this.#writeError !== "")
      return false;
    this.#writeError = error.code ?? "EPIPE";
    this.#startTimer(LAST_WORDS_MS);
    return true;
  }

  #complete(call: Call, clean: boolean): void {
    const { parser } = this;
    const out = this.#toldLate ? this.#body.spent : this.#body.done;
    const again = clean && parser.keepAlive && !parser.surplus && out && this.usable;
    if (call.paused && again) this.socket.resume();
    this.#leave();
    if (again && this.#writeError === "") this.#owner.released(this);
    else this.#close(false);
    call.complete(clean);
  }

  #leave(): void {
    if (this.#call !== null) {
      this.#call.sentAtEnd = this.#body.spent;
      this.#call.connection = null;
    }
    this.#call = null;
    this.#unsent = false;
    this.#timer?.cancel();
    this.#body.release();
    this.parser.stop();
  }

  #fail(call: Call, failure: UpstreamFailure): void {
    this.#leave();
    this.#close(false);
    call.fail(failure);
  }

  #close(byServer: boolean): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#timer?.cancel();
    this.socket.destroy();
    this.#owner.gone(this, byServer);
  }

  onEnded(code: string): void {
    if (this.#gone) return;
    const call = this.#call;
    if (call === null) {
      this.#close(true);
      return;
    }
    const parser = this.parser;
    if (parser.endsWithConnection && code === "") {
      this.#complete(call, false);
      return;
    }
    const why = this.#writeError || code;
    const how = why === "" || why === "closed" ? "closed the connection" : `broke the connection (${why})`;
    if (parser.headed) {
      const missing = parser.missing;
      const lacking = missing < 0 ? "" : `, ${missing} bytes are missing`;
      this.#fail(call, {
        cause: "cut",
        missing,
        message: `${this.#where(call)} ${how} inside its answer${lacking}`,
      });
    } else if (!parser.begun && call.reused && call.repeatable) {
      this.#sendElsewhere(call);
    } else {
      const place = parser.begun ? "inside the head of its answer" : "before its answer";
      this.#fail(call, { cause: "reset", message: `${this.#where(call)} ${how} ${place}` });
    }
  }

  #sendElsewhere(call: Call): void {
    this.#leave();
    this.#close(true);
    this.#owner.resend(call);
  }

  onDrain(): void {
    const call = this.#call;
    if (call === null) return;
    this.#body.drained();
    if (call.bodyReleased) this.dropWritten(call);
    if (this.parser.headed) return;
    this.#armForAnswer(call);
    if (this.#body.flushed && call.blocked && !call.ended) this.#writable(call);
  }

  #writable(call: Call): void {
    call.blocked = false;
    call.handler.onWritable?.();
  }

  /**
   * Until the head is complete: `firstByte` from the moment the request is out, and for every piece of an upload that
   * the other side has to take. While the caller has nothing to send, nobody is late.
   */
  #armForAnswer(call: Call): void {
    if (this.#call !== call || this.parser.headed) return;
    const waitsForCaller = !call.ended && this.#body.flushed;
    this.#arm(call, waitsForCaller ? 0 : call.request.deadlines.firstByte);
  }

  /** 0 = no deadline but the total one. */
  #arm(call: Call, ms: number): void {
    if (call.totalAt === Number.POSITIVE_INFINITY) {
      if (ms === 0) this.#timer?.cancel();
      else this.#startTimer(ms);
      return;
    }
    const left = call.totalAt - this.#time.clock.now();
    this.#startTimer(ms === 0 ? left : Math.min(ms, left));
  }

  #startTimer(ms: number): void {
    if (this.#timer === null) this.#timer = this.#time.timers.start(ms, this);
    else this.#timer.restart(ms);
  }

  onTimer(): void {
    const call = this.#call;
    if (call === null) return;
    if (call.over) {
      this.drop();
      return;
    }
    const { firstByte, idle, total } = call.request.deadlines;
    const where = this.#where(call);
    if (this.#time.clock.now() >= call.totalAt) {
      this.#fail(call, { cause: "total_timeout", message: `${where} took over ${total} ms` });
    } else if (this.#writeError !== "") {
      this.onEnded(this.#writeError);
    } else if (!this.parser.headed) {
      this.#fail(call, {
        cause: "first_byte_timeout",
        message: `${where} did not answer within ${firstByte} ms`,
      });
    } else {
      this.#fail(call, {
        cause: "idle_timeout",
        message: `${where} fell silent for ${idle} ms inside its answer`,
      });
    }
  }

  #where(call: Call): string {
    return authority(call.request.origin.host, call.request.origin.port);
  }
}
