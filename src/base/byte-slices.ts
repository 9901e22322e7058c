/** Texts out of bytes by what `Buffer.toString` itself calls: twice as fast for the short ones that a request is full of. */

/** Methods every Buffer has; Node documents only `toString` before them. */
interface Slicing {
  latin1Slice(start: number, end: number): string;
}

/** `start` and `end` inside the bytes. */
export function latin1Text(bytes: Buffer, start: number, end: number): string {
  return (bytes as Buffer & Slicing).latin1Slice(start, end);
}
