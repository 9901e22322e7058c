/** Views of memory, to read numbers of several bytes from it: to make one costs more than what it is wanted for. */
import { Ring } from "./ring.ts";

/** Larger pieces of memory are not held on to. */
const MAX_KEPT = 64 * 1024;

interface Standing {
  readonly memory: ArrayBufferLike;
  readonly view: DataView;
}

/** What is filled again and again: the memory that sockets are read into, and what many small buffers share. */
const standing = new Ring<Standing>(2);

/** What was asked for last: several look at the same bytes in turn. */
let last: Buffer = Buffer.alloc(0);
let lastView = new DataView(last.buffer);

/**
 * Of all the memory that the bytes are in, where they begin at their `byteOffset`. `end`: of what they hold. Bytes that
 * fill their memory to its end have it for themselves, and it comes once: it takes no place of memory that comes again.
 */
export function memoryView(bytes: Buffer, end = bytes.length): DataView {
  if (bytes === last) return lastView;
  const { buffer: memory } = bytes;
  const known = standing.all;
  for (let i = 0; i < known.length; i++) {
    const one = known[i] as Standing;
    if (one.memory === memory) return keepLast(bytes, one.view);
  }
  const view = new DataView(memory);
  if (memory.byteLength > MAX_KEPT) return view;
  if (bytes.byteOffset + end < memory.byteLength) standing.add({ memory, view });
  return keepLast(bytes, view);
}

function keepLast(bytes: Buffer, view: DataView): DataView {
  last = bytes;
  lastView = view;
  return view;
}
