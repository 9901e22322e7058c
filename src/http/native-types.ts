/** The part of uWebSockets.js 20.57 and hyper-express 6.17 that is used here, as tried: the published types lack some of it. */

export interface UwsRequest {
  getUrl(): string;
  /** undefined when the target has no question mark. */
  getQuery(): string | undefined;
  getCaseSensitiveMethod(): string;
  forEach(callback: (name: string, value: string) => void): void;
}

export interface UwsResponse {
  /** Copied as it is, line ends included. */
  writeStatus(status: Uint8Array | string): UwsResponse;
  writeHeader(name: string, value: string): UwsResponse;
  /** Chunked. False: some of it waits inside uWS. */
  write(chunk: Uint8Array): boolean;
  end(body?: Uint8Array | string, closeConnection?: boolean): UwsResponse;
  endWithoutBody(contentLength?: number, closeConnection?: boolean): UwsResponse;
  /** With content-length; what does not fit is not kept. [all taken, answer complete]. */
  tryEnd(chunk: Uint8Array | string, totalSize: number): [boolean, boolean];
  /** Bytes of the body taken by `tryEnd` so far. */
  getWriteOffset(): number;
  close(): UwsResponse;
  pause(): void;
  resume(): void;
  onWritable(handler: (offset: number) => boolean): UwsResponse;
  onAborted(handler: () => void): UwsResponse;
  onData(handler: (chunk: ArrayBuffer, last: boolean) => void): UwsResponse;
  cork(callback: () => void): UwsResponse;
  getRemoteAddress(): ArrayBuffer;
}

type UwsHandler = (response: UwsResponse, request: UwsRequest) => void;
export type ListenSocket = object;

interface UwsApp {
  any(pattern: string, handler: UwsHandler): UwsApp;
  /** Goes before `any`. */
  post(pattern: string, handler: UwsHandler): UwsApp;
  listen(
    host: string,
    port: number,
    options: number,
    callback: (socket: ListenSocket | false) => void,
  ): UwsApp;
  /** +1: a connection was accepted (it can be answered at once); -1: one has gone. */
  filter(callback: (response: UwsResponse, change: number) => void): UwsApp;
  /** Seconds a connection may take for a request's head, and between pieces of its body. */
  setIdleTimeout(seconds: number): UwsApp;
  /** Seconds without room in the socket while an answer waits; also how long an idle connection is kept after an answer. */
  setResponseTimeout(seconds: number): UwsApp;
  close(): UwsApp;
}

export interface UwsModule {
  readonly LIBUS_LISTEN_EXCLUSIVE_PORT: number;
  us_listen_socket_close(socket: ListenSocket): void;
  us_socket_local_port(socket: ListenSocket): number;
}

export interface HyperExpressServer {
  readonly uws_instance: UwsApp;
  any(
    pattern: string,
    handler: (
      request: { readonly raw: UwsRequest; readonly method: string },
      response: { readonly _raw_response: UwsResponse },
    ) => void,
  ): void;
  /** Locks the routes; part of `listen`, which cannot ask for an exclusive port. */
  _compile(): void;
}

export interface HyperExpressModule {
  readonly Server: new (options: Record<string, unknown>) => HyperExpressServer;
  /** The whole of uWebSockets.js. */
  readonly compressors: UwsModule;
}
