/** Where a continuation's text joins what was delivered: repeated text is cut, a different answer is noticed (30-routing.md). */

export type Splice =
  /** More of the new text is needed to tell. */
  | { readonly kind: "wait" }
  /** The new text is shown from `from` on, everything after it as it comes; the first `repeated` characters were. */
  | { readonly kind: "append"; readonly text: string; readonly repeated: number }
  /** The target began again and went elsewhere. */
  | { readonly kind: "departed" };

/** Shorter coincidences are no repetition. */
const MIN_REPEAT = 12;
/** Of an answer that is itself shorter than that, so much is. */
const MIN_SHORT_REPEAT = 4;
/** Repetitions of more than that are not looked for: each place where one could begin is compared. */
const MAX_OVERLAP = 16 * 1024;
const WAIT: Splice = { kind: "wait" };
const DEPARTED: Splice = { kind: "departed" };

/**
 * `head`: the new stream's text so far; `ended`: there is no more of it; `exact`: only a restart that repeats all that
 * was delivered will do (answers under a JSON schema).
 */
export function decideSplice(delivered: string, head: string, ended: boolean, exact: boolean): Splice {
  if (head.startsWith(delivered)) return append(head, delivered.length);
  const same = commonPrefix(delivered, head);
  if (same === head.length && !ended) return WAIT;
  // The end of a restart that came before what was delivered did not repeat it all either.
  if (same >= MIN_REPEAT || exact) return DEPARTED;
  if (same >= MIN_SHORT_REPEAT && 2 * same >= delivered.length) return DEPARTED;
  const overlap = overlapOf(delivered, head, ended);
  if (overlap < 0) return WAIT;
  if (overlap >= MIN_REPEAT) return append(head, overlap);
  return append(head, jointOf(delivered, head));
}

function append(head: string, repeated: number): Splice {
  return { kind: "append", text: head.slice(repeated), repeated };
}

/**
 * White space that ends what was delivered was not sent to the target: where its text begins with it anew, the caller
 * has it already.
 */
function jointOf(delivered: string, head: string): number {
  const sent = delivered.slice(delivered.trimEnd().length);
  if (sent === "") return 0;
  let same = 0;
  while (same < sent.length && same < head.length && sent[same] === head[same]) same++;
  if (same > 0) return same;
  // A line break was sent where the target would put a space.
  let blanks = 0;
  while (head[blanks] === " ") blanks++;
  return blanks;
}

/** Length of the longest end of `delivered` that `head` begins with; -1 while all of `head` may still be one. */
function overlapOf(delivered: string, head: string, ended: boolean): number {
  if (head.length < MIN_REPEAT) return ended ? 0 : -1;
  const start = head.slice(0, MIN_REPEAT);
  let longest = 0;
  const from = Math.max(0, delivered.length - MAX_OVERLAP);
  for (let at = delivered.indexOf(start, from); at >= 0; at = delivered.indexOf(start, at + 1)) {
    const tail = delivered.length - at;
    if (tail <= head.length) {
      if (tail > longest && head.startsWith(delivered.slice(at))) longest = tail;
    } else if (!ended && delivered.startsWith(head, at)) {
      return -1;
    }
  }
  return longest;
}

/** Characters both begin with; never ends inside a surrogate pair. */
function commonPrefix(a: string, b: string): number {
  const most = Math.min(a.length, b.length);
  let same = 0;
  while (same < most && a.charCodeAt(same) === b.charCodeAt(same)) same++;
  const last = same > 0 ? a.charCodeAt(same - 1) : 0;
  return last >= 0xd800 && last < 0xdc00 ? same - 1 : same;
}
