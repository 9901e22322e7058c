/** Splits a body that arrives in pieces into whole events by bytes: SSE, lines of JSON, or one JSON array. */

/** Takes whole events. Returning false stops: the rest of the piece is thrown away and nothing more is emitted. */
export interface EventSink {
  /** The event's bytes as received, its end marks included: [start, end) of `buffer`, valid during the call only. */
  onEvent(buffer: Buffer, start: number, end: number): boolean;
  /**
   * Takes the event that begins at `start` when its end, before `limit`, can be told without looking for it: returns
   * that end, -1 when it cannot, -2 to stop. Called where no part of an event was held, with SSE framing.
   */
  onKnown?(buffer: Buffer, start: number, limit: number): number;
}

/** What `EventSplitter.push` found. `too_large`: one event is longer than the cap; nothing more is read. */
export type PushResult = "ok" | "stopped" | "too_large";

/** One event may be this long (40-protocols 3.1). */
const MAX_EVENT_BYTES = 8 * 1024 * 1024;

const FIRST_TAIL = 1024;
const EMPTY = Buffer.alloc(0);

/** Finds the end of the next event. Keeps what it must know between two pieces, so no byte is looked at twice. */
interface Boundary {
  /** Another piece begins. */
  begin(): void;
  /** The byte after the next event's end in bytes[at..end), or -1 when it is not among them. */
  next(bytes: Buffer, at: number, end: number): number;
  /** True when all bytes so far make a whole event and only an optional byte was waited for. */
  readonly complete: boolean;
}

/**
 * Hands out whole events of a stream. A piece that holds whole events is not copied; an event cut by the end of a
 * piece is carried in a tail.
 */
export class EventSplitter {
  #boundary: Boundary;
  #tail: Buffer = EMPTY;
  #tailLength = 0;
  #stopped: PushResult = "ok";
  #skipBom: boolean;
  readonly #framing: "sse" | "ndjson" | "json-array";
  readonly #maxBytes: number;

  constructor(framing: "sse" | "ndjson" | "json-array", maxBytes: number = MAX_EVENT_BYTES) {
    this.#framing = framing;
    this.#boundary =
      framing === "sse" ? new BlankLine() : framing === "ndjson" ? new LineFeed() : new ArrayElement();
    this.#skipBom = framing === "sse";
    this.#maxBytes = maxBytes;
  }

  /** Whether the next event cut in two will be put together in `buffer`. */
  reuses(buffer: Buffer): boolean {
    return buffer === this.#tail;
  }

  /** Bytes held of an event that is not complete yet. */
  get held(): number {
    return this.#tailLength;
  }

  /** Takes the piece [at, end) of `bytes`. */
  push(bytes: Buffer, sink: EventSink, at = 0, end: number = bytes.length): PushResult {
    if (this.#stopped !== "ok") return this.#stopped;
    let chunk = bytes;
    if (this.#skipBom) {
      if (at > 0 || end < bytes.length) chunk = bytes.subarray(at, end);
      at = this.#dropBom(chunk);
      if (at < 0) return "ok";
      // A part of a mark that turned out to be none waits in the tail and was never scanned.
      if (this.#tailLength > 0) {
        chunk = Buffer.concat([this.#tail.subarray(0, this.#tailLength), chunk]);
        this.#tailLength = 0;
        at = 0;
      }
      end = chunk.length;
    }
    let begun = false;
    while (at < end) {
      if (this.#tailLength === 0 && this.#framing === "sse" && sink.onKnown !== undefined) {
        const next = sink.onKnown(chunk, at, Math.min(end, at + this.#maxBytes));
        if (next === -2) return this.#stop("stopped");
        if (next >= 0) {
          at = next;
          continue;
        }
      }
      if (end < chunk.length) {
        // A search would go on behind the piece.
        chunk = chunk.subarray(at, end);
        at = 0;
        end = chunk.length;
      }
      if (!begun) this.#boundary.begin();
      begun = true;
      const next = this.#boundary.next(chunk, at, end);
      if (next < 0) break;
      if (this.#tailLength > 0) {
        if (!this.#append(chunk, at, next)) return this.#stopped;
        const length = this.#tailLength;
        this.#tailLength = 0;
        const tail = this.#tail;
        // A large event's memory is not kept for the small ones that follow.
        if (tail.length > 65536) this.#tail = EMPTY;
        if (length > 0 && !sink.onEvent(tail, 0, length)) return this.#stop("stopped");
      } else {
        if (next - at > this.#maxBytes) return this.#stop("too_large");
        if (!sink.onEvent(chunk, at, next)) return this.#stop("stopped");
      }
      at = next;
    }
    if (at < end && !this.#append(chunk, at, end)) return this.#stopped;
    return "ok";
  }

  /**
   * The body has ended. Emits an event that only waited for an optional byte; returns what is left of one that was
   * not ended (a view, empty when there is none).
   */
  finish(sink: EventSink): Buffer {
    if (this.#stopped !== "ok" || this.#tailLength === 0) return EMPTY;
    const rest = this.#tail.subarray(0, this.#tailLength);
    this.#tailLength = 0;
    this.#tail = EMPTY;
    this.#stopped = "stopped";
    if (!this.#boundary.complete) return rest;
    sink.onEvent(rest, 0, rest.length);
    return EMPTY;
  }

  #stop(why: PushResult): PushResult {
    this.#stopped = why;
    this.#tail = EMPTY;
    this.#tailLength = 0;
    return why;
  }

  #append(chunk: Buffer, from: number, to: number): boolean {
    const length = this.#tailLength + to - from;
    if (length > this.#maxBytes) {
      this.#stop("too_large");
      return false;
    }
    if (length > this.#tail.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(FIRST_TAIL, Math.min(this.#maxBytes, 2 * length)));
      this.#tail.copy(grown, 0, 0, this.#tailLength);
      this.#tail = grown;
    }
    chunk.copy(this.#tail, this.#tailLength, from, to);
    this.#tailLength = length;
    return true;
  }

  /** Where the text begins behind a byte order mark; -1 while only a part of one has come (it waits in the tail). */
  #dropBom(chunk: Buffer): number {
    let matched = this.#tailLength;
    let at = 0;
    while (matched < 3 && at < chunk.length && chunk[at] === BOM[matched]) {
      matched++;
      at++;
    }
    if (matched < 3 && at === chunk.length) {
      this.#append(chunk, 0, chunk.length);
      return -1;
    }
    this.#skipBom = false;
    if (matched === 3) {
      this.#tailLength = 0;
      return at;
    }
    return 0;
  }
}

const BOM = [0xef, 0xbb, 0xbf];
const CR = 0x0d;
const LF = 0x0a;

/** An SSE event ends with an empty line; lines end with CRLF, LF or CR (HTML spec, 9.2.6). */
class BlankLine implements Boundary {
  /** Bytes on the current line. */
  #lineBytes = 0;
  /** The last byte was a CR: a LF behind it belongs to the same line end. */
  #afterCr = false;
  /** That CR ended an empty line: the event ends there, or behind the LF. */
  #ending = false;
  /** Where the next CR of the piece is, its end when there is none: known for all its events after one search. */
  #cr = -1;

  get complete(): boolean {
    return this.#ending;
  }

  begin(): void {
    this.#cr = -1;
  }

  next(bytes: Buffer, at: number, end: number): number {
    let position = at;
    if (this.#afterCr) {
      this.#afterCr = false;
      if (bytes[position] === LF) position++;
      if (this.#ending) {
        this.#ending = false;
        return position;
      }
    }
    // Each search result is kept until it is passed: a body of bare CRs stays linear.
    let feed = -1;
    let cr = this.#cr;
    while (position < end) {
      if (feed < position) feed = bytes[position] === LF ? position : indexOrEnd(bytes, LF, position, end);
      if (cr < position) {
        cr = indexOrEnd(bytes, CR, position, end);
        this.#cr = cr;
      }
      const mark = Math.min(cr, feed);
      if (mark === end) {
        this.#lineBytes += end - position;
        return -1;
      }
      const empty = this.#lineBytes + mark - position === 0;
      this.#lineBytes = 0;
      position = mark + 1;
      if (mark === cr) {
        if (position === end) {
          this.#afterCr = true;
          this.#ending = empty;
          return -1;
        }
        if (bytes[position] === LF) position++;
      }
      if (empty) return position;
    }
    return -1;
  }
}

/** One value a line (NDJSON). */
class LineFeed implements Boundary {
  readonly complete = false;

  begin(): void {}

  next(bytes: Buffer, at: number, _end: number): number {
    const feed = bytes.indexOf(LF, at);
    return feed < 0 ? -1 : feed + 1;
  }
}

/** The elements of one array, each with the bracket, comma and white space that stand before it. */
class ArrayElement implements Boundary {
  readonly complete = false;
  #depth = 0;
  #inString = false;
  #escaped = false;

  begin(): void {}

  next(bytes: Buffer, at: number, end: number): number {
    for (let position = at; position < end; position++) {
      const byte = bytes[position];
      if (this.#inString) {
        if (this.#escaped) this.#escaped = false;
        else if (byte === 0x5c) this.#escaped = true;
        else if (byte === 0x22) this.#inString = false;
      } else if (byte === 0x22) {
        this.#inString = true;
      } else if (byte === 0x7b || (byte === 0x5b && this.#depth > 0)) {
        this.#depth++;
      } else if ((byte === 0x7d || byte === 0x5d) && this.#depth > 0) {
        this.#depth--;
        if (this.#depth === 0) return position + 1;
      }
    }
    return -1;
  }
}

/** The element's own text in a range that an array splitter handed out: what stands before the brace is skipped. */
export function elementStart(buffer: Buffer, start: number, end: number): number {
  let at = start;
  while (at < end && buffer[at] !== 0x7b) at++;
  return at;
}

/** The fields of one SSE event. Reused between events by its owner. */
export interface SseFields {
  /** The `event:` name; "" = none. */
  event: string;
  /** The `data:` lines joined with a line feed. */
  data: string;
  /** False when there was no data line at all: a comment or an empty event, which dispatches nothing. */
  hasData: boolean;
}

/** Reads the fields of the event in [start, end) into `fields` (HTML spec, 9.2.6). Returns `fields.hasData`. */
export function parseSseFields(buffer: Buffer, start: number, end: number, fields: SseFields): boolean {
  fields.event = "";
  fields.data = "";
  fields.hasData = false;
  let at = start;
  let feed = -1;
  let cr = -1;
  while (at < end) {
    if (feed < at) feed = indexOrEnd(buffer, LF, at, end);
    if (cr < at) cr = indexOrEnd(buffer, CR, at, end);
    const lineEnd = Math.min(feed, cr);
    const first = buffer[at];
    if (first === 0x64 && startsField(buffer, at, lineEnd, "data")) {
      const text = fieldValue(buffer, at + 4, lineEnd);
      fields.data = fields.hasData ? `${fields.data}\n${text}` : text;
      fields.hasData = true;
    } else if (first === 0x65 && startsField(buffer, at, lineEnd, "event")) {
      fields.event = fieldValue(buffer, at + 5, lineEnd);
    }
    at = lineEnd + 1;
  }
  return fields.hasData;
}

function indexOrEnd(buffer: Buffer, byte: number, at: number, end: number): number {
  const index = buffer.indexOf(byte, at);
  return index < 0 || index > end ? end : index;
}

function startsField(buffer: Buffer, at: number, end: number, name: string): boolean {
  const after = at + name.length;
  if (after > end) return false;
  for (let i = 1; i < name.length; i++) {
    if (buffer[at + i] !== name.charCodeAt(i)) return false;
  }
  return after === end || buffer[after] === 0x3a;
}

/** The value behind the colon at `at`, one leading space removed. */
function fieldValue(buffer: Buffer, at: number, end: number): string {
  if (at >= end) return "";
  const from = buffer[at + 1] === 0x20 ? at + 2 : at + 1;
  return buffer.toString("utf8", Math.min(from, end), end);
}

/**
 * Where the data of the event's first `data:` line stands, for those who look at bytes only; `start` is -1 when there
 * is none. Lines are taken to end with LF or CRLF, as every provider writes them.
 */
export function findSseData(
  buffer: Buffer,
  start: number,
  end: number,
  out: { start: number; end: number },
): boolean {
  let at = start;
  while (at < end) {
    const feed = indexOrEnd(buffer, LF, at, end);
    if (buffer[at] === 0x64 && startsField(buffer, at, feed, "data") && at + 4 < feed) {
      out.start = buffer[at + 5] === 0x20 ? at + 6 : at + 5;
      const lineEnd = feed > at && buffer[feed - 1] === CR ? feed - 1 : feed;
      out.end = Math.max(out.start, lineEnd);
      return true;
    }
    at = feed + 1;
  }
  out.start = -1;
  out.end = -1;
  return false;
}
