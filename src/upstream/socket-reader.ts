/** Ties a socket to the connection that reads it by listeners that all sockets share: closures for each cost more than the connection itself. */
import type { Socket } from "node:net";

export interface SocketReader {
  /** The first `length` of `bytes` have come, valid during the call only. */
  receive(bytes: Buffer, length: number): void;
  onDrain(): void;
  /** The other side ended (`code` is ""), or the socket broke. May be called again. */
  onEnded(code: string): void;
  /** True: the socket is not destroyed for this error now, there may be something left to read. */
  outlives(error: NodeJS.ErrnoException | undefined): boolean;
}

const READER = Symbol("reader");

interface ReadSocket extends Socket {
  [READER]?: SocketReader;
}

/** Once per socket. What came before is lost, unless the socket is paused. */
export function attachReader(socket: Socket, reader: SocketReader): void {
  (socket as ReadSocket)[READER] = reader;
  socket.destroy = destroyLater;
  socket.on("drain", onDrain);
  socket.on("end", onEnd);
  socket.on("error", onError);
  socket.on("close", onClose);
}

/** The `onread` of a socket whose reader is attached later: Node calls it as a method of the socket. */
export function readInto(buffer: Buffer) {
  return {
    buffer,
    callback(this: unknown, length: number): boolean {
      (this as ReadSocket)[READER]?.receive(buffer, length);
      return true;
    },
  };
}

/** For a socket that cannot read into a buffer of ours: a listener for its `data`. */
export function receivePiece(this: Socket, bytes: Buffer): void {
  (this as ReadSocket)[READER]?.receive(bytes, bytes.length);
}

function onDrain(this: ReadSocket): void {
  this[READER]?.onDrain();
}

function onEnd(this: ReadSocket): void {
  this[READER]?.onEnded("");
}

function onError(this: ReadSocket, error: NodeJS.ErrnoException): void {
  this[READER]?.onEnded(error.code ?? error.message);
}

function onClose(this: ReadSocket): void {
  this[READER]?.onEnded("closed");
}

/** Node destroys a socket whose write fails, with what could still be read from it. */
function destroyLater(this: ReadSocket, error?: Error): ReadSocket {
  if (this[READER]?.outlives(error) === true) return this;
  return (Object.getPrototypeOf(this) as Socket).destroy.call(this, error) as ReadSocket;
}
