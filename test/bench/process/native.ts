/** What the bench's processes use of uWebSockets.js, under the yardsticks' own few lines. */
import { createRequire } from "node:module";

export interface Response {
  writeStatus(status: string): Response;
  writeHeader(name: string, value: string): Response;
  write(chunk: Uint8Array | string): boolean;
  end(body?: Uint8Array | string): Response;
  onWritable(handler: () => boolean): Response;
  onAborted(handler: () => void): Response;
  onData(handler: (chunk: ArrayBuffer, last: boolean) => void): Response;
  cork(callback: () => void): Response;
}

export interface Request {
  getHeader(name: string): string;
}

interface App {
  post(path: string, handler: (response: Response, request: Request) => void): App;
  listen(host: string, port: number, callback: (socket: object | false) => void): App;
}

interface Native {
  App(): App;
  SSLApp(options: { key_file_name: string; cert_file_name: string }): App;
  us_socket_local_port(socket: object): number;
}

export const native = createRequire(import.meta.url)("uWebSockets.js") as Native;

/** Listens on a port of the system's choice and says it on stdout, for whoever started this process. */
export function listen(app: App): void {
  app.listen("127.0.0.1", 0, (socket) => {
    if (socket === false) throw new Error("cannot listen");
    console.log(native.us_socket_local_port(socket));
  });
}
