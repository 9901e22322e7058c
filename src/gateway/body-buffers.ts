/** Memory of large request bodies, used again: with the router's settings of malloc every new one is mapped, page by page, for more than all the rest of the request costs. */
import { freeMemory, moveMemory } from "../base/buffer-memory.ts";
import type { Timers } from "../base/clock.ts";

export interface BodyBuffers {
  /** At least `bytes` long; what it holds is anything. */
  take(bytes: number): Buffer;
  /** Gives it back at once, without waiting for the garbage collector: every view of it is empty then. */
  give(buffer: Buffer): void;
  /** Bytes that wait to be used again. */
  kept(): number;
  /** Gives back what is kept. */
  close(): void;
}

/** Smaller ones are not worth the call, and the smallest share a pool of Node's. */
const SMALLEST_BITS = 14;
const LARGEST_BITS = 20;
const IDLE_MS = 2000;

/** Keeps powers of two from 16 KiB to 1 MiB, `maxKept` bytes in all, until none was given back for two seconds. */
export function createBodyBuffers(timers: Timers, maxKept: number): BodyBuffers {
  const free: ArrayBuffer[][] = Array.from({ length: LARGEST_BITS - SMALLEST_BITS + 1 }, () => []);
  let kept = 0;
  const drop = () => {
    for (const list of free) for (const memory of list.splice(0)) freeMemory(memory);
    kept = 0;
  };
  const idle = timers.start(IDLE_MS, drop);
  idle.cancel();
  return {
    take(bytes) {
      if (bytes < 1 << SMALLEST_BITS || bytes > 1 << LARGEST_BITS) return Buffer.allocUnsafe(bytes);
      const bits = 32 - Math.clz32(bytes - 1);
      const memory = free[bits - SMALLEST_BITS]?.pop();
      if (memory === undefined) return Buffer.allocUnsafeSlow(1 << bits);
      kept -= memory.byteLength;
      return Buffer.from(memory);
    },
    give(buffer) {
      const memory = buffer.buffer;
      const { byteLength } = memory;
      if (byteLength < 1 << SMALLEST_BITS || byteLength !== buffer.length) return;
      const list = free[31 - Math.clz32(byteLength) - SMALLEST_BITS];
      const isOurs = (byteLength & (byteLength - 1)) === 0;
      if (list === undefined || !isOurs || kept + byteLength > maxKept) {
        // Until the collector comes round a hundred dead bodies may lie about, and what they take makes it mark the whole heap.
        freeMemory(memory);
        return;
      }
      // A view that somebody still holds must not show the next caller's body: it loses its memory here.
      const moved = moveMemory(memory);
      if (moved === undefined) return;
      list.push(moved);
      kept += byteLength;
      idle.restart(IDLE_MS);
    },
    kept: () => kept,
    close() {
      idle.cancel();
      drop();
    },
  };
}
