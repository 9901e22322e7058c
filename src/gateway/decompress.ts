/** Decodes an answer that came compressed although identity was asked for. */
import {
  type BrotliDecompress,
  createBrotliDecompress,
  createGunzip,
  createInflate,
  type Gunzip,
  type Inflate,
} from "node:zlib";

export interface DecodedBody {
  onData(chunk: Buffer): void;
  onEnd(): void;
  onError(message: string): void;
  /** What was written has been decoded: more may come. */
  onRoom(): void;
}

export interface Decompressor {
  /** False asks to wait for `onRoom`. Copies the chunk. */
  write(chunk: Buffer): boolean;
  end(): void;
  /** Whoever takes what is decoded is behind: a few hundred bytes may become as many megabytes. */
  pause(): void;
  resume(): void;
  destroy(): void;
}

/** A decoder for the encoding; null for identity. Unknown encodings report an error at once. */
export function decompress(encoding: string, body: DecodedBody): Decompressor | null {
  const name = encoding.trim().toLowerCase();
  if (name === "" || name === "identity") return null;
  const stream = createStream(name);
  if (stream === null) {
    body.onError(`content-encoding ${JSON.stringify(name.slice(0, 40))} cannot be read`);
    return null;
  }
  stream.on("data", (chunk: Buffer) => body.onData(chunk));
  stream.on("end", () => body.onEnd());
  stream.on("drain", () => body.onRoom());
  stream.on("error", (error: Error) => body.onError(`the ${name} body is damaged: ${error.message}`));
  return {
    write: (chunk) => stream.write(Buffer.from(chunk)),
    end: () => {
      stream.end();
    },
    pause: () => {
      stream.pause();
    },
    resume: () => {
      stream.resume();
    },
    destroy: () => {
      stream.destroy();
    },
  };
}

function createStream(name: string): Gunzip | Inflate | BrotliDecompress | null {
  if (name === "gzip" || name === "x-gzip") return createGunzip();
  if (name === "deflate") return createInflate();
  if (name === "br") return createBrotliDecompress();
  return null;
}
