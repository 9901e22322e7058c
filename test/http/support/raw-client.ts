/** A client that writes bytes as they are and tells what came back and how the connection ended. */
import { connect, type Socket } from "node:net";

export interface RawAnswer {
  readonly bytes: Buffer;
  /** `end` = FIN, `reset` = RST, `open` = still open after the time given. */
  readonly outcome: "end" | "reset" | "open";
  readonly elapsedMs: number;
}

/** Resolves once the server closes, `until` is satisfied, or `withinMs` has passed; the socket is closed then. */
export function sendRaw(
  port: number,
  pieces: string | Buffer | readonly (string | Buffer)[],
  options: {
    readonly withinMs?: number;
    readonly until?: (bytes: Buffer) => boolean;
    readonly gapMs?: number;
  } = {},
): Promise<RawAnswer> {
  const list = typeof pieces === "string" || Buffer.isBuffer(pieces) ? [pieces] : pieces;
  return new Promise((resolve) => {
    const began = performance.now();
    const chunks: Buffer[] = [];
    const socket = connect(port, "127.0.0.1");
    let done = false;
    const finish = (outcome: RawAnswer["outcome"]) => {
      if (done) return;
      done = true;
      clearTimeout(timer);
      socket.destroy();
      resolve({ bytes: Buffer.concat(chunks), outcome, elapsedMs: performance.now() - began });
    };
    const timer = setTimeout(() => finish("open"), options.withinMs ?? 3000);
    socket.setNoDelay(true);
    socket.on("data", (chunk) => {
      chunks.push(chunk);
      if (options.until?.(Buffer.concat(chunks))) finish("open");
    });
    socket.on("error", () => finish("reset"));
    socket.on("end", () => finish("end"));
    socket.on("close", () => finish("end"));
    socket.on("connect", () => void writePieces(socket, list, options.gapMs ?? 0));
  });
}

async function writePieces(
  socket: Socket,
  pieces: readonly (string | Buffer)[],
  gapMs: number,
): Promise<void> {
  for (const [index, piece] of pieces.entries()) {
    if (index > 0) await new Promise((resolve) => setTimeout(resolve, gapMs));
    if (socket.destroyed) return;
    socket.write(piece);
  }
}

/** Status of the first response in the bytes; 0 when there is none. */
export function statusOf(bytes: Buffer): number {
  return Number(/^HTTP\/1\.1 (\d{3}) /.exec(bytes.toString("latin1", 0, 16))?.[1] ?? 0);
}

/** What stands after the first blank line. */
export function bodyOf(bytes: Buffer): string {
  const at = bytes.indexOf("\r\n\r\n");
  return at === -1 ? "" : bytes.toString("utf8", at + 4);
}

/** Lower-case head of the first response. */
export function headOf(bytes: Buffer): string {
  const at = bytes.indexOf("\r\n\r\n");
  return bytes.toString("latin1", 0, at === -1 ? bytes.length : at).toLowerCase();
}
