/** Where a continuation's text joins what was delivered: repeated text is cut, a different answer is noticed (30-routing.md). */

export type Splice =
  /** More of the new text is needed to tell. */
  | { readonly kind: "wait" }
  /** This much of the new text is shown, everything after it as it comes. */
  | { readonly kind: "append"; readonly text: string }
  /** The target began again and went elsewhere. */
  | { readonly kind: "departed" };

/** Shorter coincidences are no repetition. */
const MIN_REPEAT = 12;
const WAIT: Splice = { kind: "wait" };

/**
 * `head`: the new stream's text so far; `ended`: there is no more of it; `exact`: only a restart that repeats all that
 * was delivered will do (answers under a JSON schema).
 */
export function decideSplice(delivered: string, head: string, ended: boolean, exact: boolean): Splice {
  const same = commonPrefix(delivered, head);
  if (same === delivered.length) return { kind: "append", text: head.slice(same) };
  if (same === head.length && !ended) return WAIT;
  if (same >= MIN_REPEAT) {
    // A restart whose end came before what was delivered did not repeat it all.
    return { kind: "departed" };
  }
  if (exact) return { kind: "departed" };
  const overlap = overlapOf(delivered, head, ended);
  if (overlap < 0) return WAIT;
  if (overlap >= MIN_REPEAT) return { kind: "append", text: head.slice(overlap) };
  return { kind: "append", text: joint(delivered, head) };
}

/** White space that ends what was delivered was not sent to the target: it may begin with it anew. */
function joint(delivered: string, head: string): string {
  return /\s$/.test(delivered) ? head.replace(/^\s+/, "") : head;
}

/** Length of the longest end of `delivered` that `head` begins with; -1 while all of `head` may still be one. */
function overlapOf(delivered: string, head: string, ended: boolean): number {
  if (!ended && head.length < MIN_REPEAT) return -1;
  const start = head.slice(0, MIN_REPEAT);
  let longest = 0;
  for (let at = delivered.indexOf(start); at >= 0; at = delivered.indexOf(start, at + 1)) {
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
