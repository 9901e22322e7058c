/** Memory of buffers given back, or handed on, at once: the garbage collector sees little of it and takes its time. */

interface Transferable extends ArrayBuffer {
  /** Not before Node 22: there the collector has to do. */
  transfer?(length?: number): ArrayBuffer;
}

/** Frees memory that nothing else shares. Every view of it is empty then. */
export function freeMemory(memory: ArrayBufferLike): void {
  if (memory.byteLength > 0) (memory as Transferable).transfer?.(0);
}

/** The same memory as another buffer, without a copy: views that somebody still holds are empty then. undefined before Node 22. */
export function moveMemory(memory: ArrayBufferLike): ArrayBuffer | undefined {
  return (memory as Transferable).transfer?.();
}
