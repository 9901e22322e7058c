/** A view of memory that many small buffers share: to make one costs more than what it is for. */

/** A larger piece of memory is not held on to. */
const MAX_STANDING = 64 * 1024;

let standing: ArrayBufferLike | null = null;
let standingView: DataView | null = null;

/** Of all the memory that the bytes are in: they begin at their `byteOffset`. To be used at once. */
export function memoryView({ buffer }: Buffer): DataView {
  if (buffer === standing && standingView !== null) return standingView;
  const view = new DataView(buffer);
  if (buffer.byteLength <= MAX_STANDING) {
    standing = buffer;
    standingView = view;
  }
  return view;
}
