/**
 * Compares bytes with remembered ones, eight at a time: a number stands for eight bytes. Of those that are equal only
 * zeros have other bytes, so none that is remembered may be a NUL; what is not a number is like nothing. All places are
 * places in the memory of a view.
 */

/** Appends [from, to) to `words`: by byte when there are fewer than eight. Else the last word is the last eight of them. */
export function rememberRun(words: number[], view: DataView, from: number, to: number): void {
  if (to - from < 8) for (let at = from; at < to; at++) words.push(view.getUint8(at));
  else for (let at = from; at < to; at += 8) words.push(view.getFloat64(at + 8 <= to ? at : to - 8, true));
}

/** Compares [from, to) with the run whose words begin at `word`; the word after it, -1 = it is another one. */
export function compareRun(
  words: readonly number[],
  word: number,
  view: DataView,
  from: number,
  to: number,
): number {
  let next = word;
  let at = from;
  if (to - at < 8) {
    for (; at < to; at++) if (view.getUint8(at) !== words[next++]) return -1;
    return next;
  }
  const last = to - 8;
  for (; at <= last; at += 8) if (view.getFloat64(at, true) !== words[next++]) return -1;
  // The last eight bytes overlap those before them.
  if (at < to && view.getFloat64(last, true) !== words[next++]) return -1;
  return next;
}

/** How many of `length` bytes from `at` on are those of `known` from `from` on. */
export function countSame(view: DataView, at: number, known: DataView, from: number, length: number): number {
  let i = countSameByEights(view, at, known, from, length);
  for (; i < length; i++) if (view.getUint8(at + i) !== known.getUint8(from + i)) break;
  return i;
}

/** Apart from the loop above, or V8 checks both views anew in every round. */
function countSameByEights(
  view: DataView,
  at: number,
  known: DataView,
  from: number,
  length: number,
): number {
  let i = 0;
  for (; i < length - 7; i += 8)
    if (view.getFloat64(at + i, true) !== known.getFloat64(from + i, true)) break;
  return i;
}
