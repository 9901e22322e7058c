/** The answers of one provider are alike: what one of them spelled is compared with the next, instead of walking that too. */
import { memoryView } from "../base/memory-view.ts";
import { fits, learnSkeleton, type ReadUsage, type Skeleton, usageOf } from "./answer-skeleton.ts";
import { AnswerValues } from "./answer-values.ts";
import type { Usage } from "./neutral.ts";
import type { UsageCounts } from "./protocol.ts";

/** With calls and without, cut off and whole, of one model and another. */
const MAX_SKELETONS = 4;
/** Of an answer that is learned. */
const MAX_LEARNED = 16 * 1024;
/** Of one that is compared: longer ones are not walked from end to end either. */
const MAX_COMPARED = 64 * 1024;
const CLOSE_BRACE = 0x7d;
const SPACE = 0x20;

export class KnownAnswers {
  /** Of the answer that was recalled; undefined = its reader has to be asked. */
  usage: Usage | null | undefined = undefined;
  /** The last one that served comes first. */
  readonly #skeletons: Skeleton[] = [];
  #unlike = 0;

  /**
   * Whether [start, end) is like an answer that was learned with the same reader: one JSON value, and none of its names
   * and strings is "error".
   */
  recall(bytes: Buffer, start: number, end: number, readUsage: ReadUsage): boolean {
    const skeletons = this.#skeletons;
    if (skeletons.length === 0 || end - start > MAX_COMPARED || !mayEnd(bytes[end - 1])) return false;
    const view = memoryView(bytes, end);
    for (let i = 0; i < skeletons.length; i++) {
      const known = skeletons[i] as Skeleton;
      if (known.readUsage !== readUsage || !fits(known, bytes, view, start, end)) continue;
      for (let j = i; j > 0; j--) skeletons[j] = skeletons[j - 1] as Skeleton;
      skeletons[0] = known;
      this.#unlike >>= 1;
      this.usage = usageOf(known);
      return true;
    }
    return false;
  }

  /**
   * Takes an answer that was not recalled, and is one JSON value. `counts`: what `readUsage` reads, unless those are the
   * figures as they stand there. What is other than in an answer of the same shape may differ from then on. Where
   * answers are rarely alike, few are learned.
   */
  learn(body: Buffer, readUsage: ReadUsage, counts: UsageCounts = asTheyStand(readUsage)): void {
    const unlike = ++this.#unlike;
    if ((unlike & (unlike - 1)) !== 0 || body.length > MAX_LEARNED) return;
    const values = AnswerValues.find(body);
    if (values === null) return;
    const skeletons = this.#skeletons;
    const isLike = (known: Skeleton) => known.readUsage === readUsage && known.shape === values.shape;
    const old = skeletons.findIndex(isLike);
    const learned = learnSkeleton(body, values, skeletons[old], readUsage, counts);
    if (learned === null) return;
    if (old >= 0) skeletons.splice(old, 1);
    skeletons.unshift(learned);
    if (skeletons.length > MAX_SKELETONS) skeletons.pop();
  }
}

function asTheyStand(readUsage: ReadUsage): UsageCounts {
  return {
    read(body) {
      const usage = readUsage(body);
      if (usage === null) return null;
      const { input, cacheRead, cacheWrite, cacheWriteLong, output, reasoning } = usage;
      return [input, cacheRead, cacheWrite, cacheWriteLong, output, reasoning];
    },
    usageOf: usageAsItStands,
  };
}

/** By index: taken apart as a list it costs an iterator. */
function usageAsItStands(figures: readonly (number | null)[]): Usage {
  return {
    input: figures[0] ?? null,
    cacheRead: figures[1] ?? null,
    cacheWrite: figures[2] ?? null,
    cacheWriteLong: figures[3] ?? null,
    output: figures[4] ?? null,
    reasoning: figures[5] ?? null,
  };
}

/** Whether an answer may end with this byte; a piece of one mostly does not. */
function mayEnd(byte: number | undefined): boolean {
  return byte === CLOSE_BRACE || (byte !== undefined && byte <= SPACE);
}
