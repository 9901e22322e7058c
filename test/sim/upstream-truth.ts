/** What servers really did, and what the gateway must therefore leave alone: rows of failures, rate limits, refused keys. */
import type { Sent } from "./client-model.ts";
import { hasContent, type World } from "./world.ts";

export type Ending = "answered" | "failed" | "limited" | "key_refused" | "unknown";

interface Facts {
  /** Failures since anything else came. */
  row: number;
  lastFailureAt: number;
  /** Attempts that began before tell of the time before. */
  rowSince: number;
  /** The third failure of the row; -1 = not so many. */
  outSince: number;
  /** No request before this moment. */
  notBefore: number;
  benchedUntil: number;
  sends: number;
  /** Counted failures: those that are beyond doubt, and those that may be. */
  failures: number;
  doubtful: number;
  answers: number;
  /** Its last sign of life: head or data. */
  heardAt: number;
  /** When a probe last brought content, or its whole answer. */
  probeAnsweredAt: number;
}

const THRESHOLD = 3;
const KEY_BENCH_MS = 300_000;
/** Failures this far apart are forgotten one by one. */
const IDLE_MS = 240_000;
const END_OF_STREAM = /"finish_reason":"|"stop_reason":"|\[DONE\]|"message_stop"/;

export class UpstreamTruth {
  readonly #world: World;
  readonly #open: Set<Sent>;
  readonly #facts = new Map<string, Facts>();

  constructor(world: World, open: Set<Sent>) {
    this.#world = world;
    this.#open = open;
  }

  of(provider: string): Facts {
    const known = this.#facts.get(provider);
    if (known !== undefined) return known;
    const made = noFacts();
    this.#facts.set(provider, made);
    return made;
  }

  /** Takes in what ended since, in order; `onEnded` hears of each. */
  refresh(onEnded: (sent: Sent, how: Ending) => void): void {
    const ended: Sent[] = [];
    for (const sent of this.#open) {
      const facts = this.of(sent.provider);
      facts.heardAt = Math.max(facts.heardAt, sent.request.heardAt);
      if (hasContent(sent) && sent.call.stream) this.#noteProbe(sent);
      if (hasContent(sent)) this.#endRow(sent.provider, sent.request.heardAt);
      if (sent.request.outcome !== "") ended.push(sent);
    }
    ended.sort((a, b) => a.request.endedAt - b.request.endedAt);
    for (const sent of ended) {
      this.#open.delete(sent);
      const how = endingOf(sent);
      this.#take(sent, how);
      onEnded(sent, how);
    }
  }

  heardSince(provider: string, at: number): boolean {
    return this.of(provider).heardAt >= at;
  }

  /** The state of a target was thrown away. */
  forget(provider: string): void {
    const { sends, failures, doubtful, answers, heardAt } = this.of(provider);
    this.#facts.set(provider, { ...noFacts(), sends, failures, doubtful, answers, heardAt });
  }

  #noteProbe({ probe, provider, call, request }: Sent): void {
    if (!probe || call.askedAt <= (this.#world.forgottenAt.get(provider) ?? -1)) return;
    const facts = this.of(provider);
    facts.probeAnsweredAt = Math.max(facts.probeAnsweredAt, request.heardAt);
  }

  #take(sent: Sent, how: Ending): void {
    const { call, provider, request } = sent;
    const facts = this.of(provider);
    const { endedAt } = request;
    // Of a request that began with the state that was thrown away.
    const isOld = call.askedAt <= (this.#world.forgottenAt.get(provider) ?? -1);
    switch (how) {
      case "answered":
        facts.answers++;
        this.#noteProbe(sent);
        this.#endRow(provider, endedAt);
        return;
      case "failed":
        facts.failures++;
        if (isOld || request.at < facts.rowSince) return;
        facts.row = endedAt - facts.lastFailureAt > IDLE_MS ? 1 : facts.row + 1;
        facts.lastFailureAt = endedAt;
        if (facts.row === THRESHOLD) facts.outSince = endedAt;
        return;
      case "limited":
        this.#endRow(provider, endedAt);
        if (!isOld) facts.notBefore = Math.max(facts.notBefore, endedAt + waitOf(request.headers));
        return;
      case "key_refused":
        this.#endRow(provider, endedAt);
        if (!isOld) facts.benchedUntil = endedAt + KEY_BENCH_MS;
        return;
      case "unknown":
        facts.doubtful++;
    }
  }

  #endRow(provider: string, at: number): void {
    const facts = this.of(provider);
    facts.row = 0;
    facts.outSince = -1;
    facts.benchedUntil = 0;
    facts.rowSince = Math.max(facts.rowSince, at);
  }
}

function noFacts(): Facts {
  return {
    row: 0,
    lastFailureAt: -1,
    rowSince: -1,
    outSince: -1,
    notBefore: 0,
    benchedUntil: 0,
    sends: 0,
    failures: 0,
    doubtful: 0,
    answers: 0,
    heardAt: -1,
    probeAnsweredAt: -1,
  };
}

/** What the gateway must make of it, where that is beyond doubt. */
function endingOf(sent: Sent): Ending {
  const { request, condition } = sent;
  // After the finish reason a cut does no harm.
  if (END_OF_STREAM.test(request.delivered)) return "answered";
  if (request.outcome === "aborted") return "unknown";
  if (request.status === 429) return "limited";
  if (request.status === 401) return "key_refused";
  if (request.status >= 500) return "failed";
  if (request.outcome === "ended") {
    if (condition === "talking_html" || condition === "lying" || condition === "empty") return "failed";
    return "answered";
  }
  if (request.status === 0 && (condition === "refusing" || condition === "resetting")) return "failed";
  // What looks like the uplink's fault may be discarded.
  return "unknown";
}

function waitOf(headers: readonly string[]): number {
  const at = headers.indexOf("retry-after-ms");
  if (at >= 0) return Number(headers[at + 1]);
  return 1000 * Number(headers[headers.indexOf("retry-after") + 1]);
}
