/** Compares bytes with remembered ones, eight at a time: a number stands for eight bytes, and is equal only where the bytes are. */

/**
 * Appends [from, to) to `words`: by byte when there are fewer than eight. None of them may be a NUL: eight are a zero
 * then, of which a double has two. Where they are not a number they are like nothing.
 */
export function rememberRun(words: number[], bytes: Buffer, view: DataView, from: number, to: number): void {
  if (to - from < 8) for (let at = from; at < to; at++) words.push(bytes[at] as number);
  else for (let at = from; at < to; at += 8) words.push(view.getFloat64(at + 8 <= to ? at : to - 8, true));
}

/** Compares [from, to) with the run whose words begin at `word`; the word after it, -1 = it is another one. */
export function compareRun(
  words: readonly number[],
  word: number,
  bytes: Buffer,
  view: DataView,
  from: number,
  to: number,
): number {
  let next = word;
  let at = from;
  if (to - at < 8) {
    for (; at < to; at++) if (bytes[at] !== words[next++]) return -1;
    return next;
  }
  const last = to - 8;
  for (; at <= last; at += 8) if (view.getFloat64(at, true) !== words[next++]) return -1;
  // The last eight bytes overlap those before them.
  if (at < to && view.getFloat64(last, true) !== words[next++]) return -1;
  return next;
}

/** Reads of all upstreams come in one buffer: its view is made once. */
let viewed: Buffer = Buffer.alloc(0);
let view: DataView = new DataView(viewed.buffer);
const MAX_VIEWED = 64 * 1024;

export function viewOf(bytes: Buffer): DataView {
  if (bytes === viewed) return view;
  const made = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  // A large one is not kept alive.
  if (bytes.length <= MAX_VIEWED) {
    viewed = bytes;
    view = made;
  }
  return made;
}
