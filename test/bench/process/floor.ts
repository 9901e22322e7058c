/** The floor: a bare uWS route and a raw keep-alive client that takes a well-behaved upstream for granted. */
import { readFileSync } from "node:fs";
import net from "node:net";
import tls from "node:tls";
import { readBody } from "./body.ts";
import { listen, native, type Response } from "./native.ts";

const port = Number(process.env["UPSTREAM_PORT"]);
const ca = process.env["CA"];
const secureContext = ca === undefined ? undefined : tls.createSecureContext({ ca: readFileSync(ca) });
const readBuffer = Buffer.allocUnsafeSlow(65_536);
const free: Kept[] = [];
const HEAD = `POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\ncontent-type: application/json\r\nauthorization: Bearer sk-upstream\r\ncontent-length: `;
const PASSED = ["content-type", "openai-processing-ms", "x-request-id"];

class Kept {
  readonly socket: net.Socket;
  response: Response | null = null;
  head = "";
  #streaming = false;
  /** Bytes left of the chunk, its line end included; 0 = a size line comes. */
  #left = 0;
  #size = "";
  #chunk: Buffer = readBuffer;
  readonly #write = () => {
    if (this.head !== "") this.#writeHead();
    this.response?.write(this.#chunk);
  };

  constructor() {
    const options = {
      port,
      host: "127.0.0.1",
      noDelay: true,
      onread: { buffer: readBuffer, callback: (length: number) => this.#read(length) },
    };
    this.socket =
      secureContext === undefined
        ? net.connect(options)
        : tls.connect({ ...options, secureContext } as tls.ConnectionOptions);
    this.socket.on("error", (error) => {
      throw error;
    });
    // The upstream closes what is idle for ten seconds, as long as the other contenders' turns take.
    this.socket.on("close", () => {
      const at = free.indexOf(this);
      if (at >= 0) free.splice(at, 1);
    });
  }

  #read(length: number): boolean {
    if (this.#streaming) {
      this.#decode(0, length);
      return true;
    }
    const at = readBuffer.indexOf("\r\n\r\n");
    this.head = readBuffer.toString("latin1", 0, at).toLowerCase();
    if (value(this.head, "transfer-encoding") !== "") {
      this.#streaming = true;
      this.#decode(at + 4, length);
      return true;
    }
    const bytes = Number(value(this.head, "content-length"));
    if (at + 4 + bytes !== length) throw new Error("an answer in more than one piece");
    const { response } = this;
    this.response = null;
    free.push(this);
    response?.cork(() => {
      for (const name of PASSED) response.writeHeader(name, value(this.head, name));
      response.end(readBuffer.subarray(at + 4, length));
    });
    return true;
  }

  #decode(from: number, to: number): void {
    let at = from;
    while (at < to) {
      if (this.#left > 0) {
        const take = Math.min(this.#left, to - at);
        const data = Math.max(0, Math.min(take, this.#left - 2));
        if (data > 0) {
          this.#chunk = readBuffer.subarray(at, at + data);
          this.response?.cork(this.#write);
        }
        this.#left -= take;
        at += take;
        continue;
      }
      const end = readBuffer.indexOf(0x0a, at);
      const stop = end < 0 || end >= to ? to : end + 1;
      this.#size += readBuffer.toString("latin1", at, stop);
      at = stop;
      if (!this.#size.endsWith("\n")) return;
      const size = Number.parseInt(this.#size, 16);
      const isBlank = this.#size === "\r\n";
      this.#size = "";
      if (size > 0) this.#left = size + 2;
      else if (isBlank) this.#end();
    }
  }

  #end(): void {
    const { response } = this;
    this.#streaming = false;
    this.response = null;
    response?.cork(() => response.end());
    free.push(this);
  }

  #writeHead(): void {
    for (const name of PASSED) this.response?.writeHeader(name, value(this.head, name));
    this.head = "";
  }
}

function value(head: string, name: string): string {
  const at = head.indexOf(`\n${name}: `);
  if (at < 0) return "";
  const from = at + name.length + 3;
  const end = head.indexOf("\r", from);
  return head.slice(from, end < 0 ? head.length : end);
}

listen(
  native.App().post("/v1/chat/completions", (response, request) => {
    let kept: Kept | null = null;
    response.onAborted(() => {
      if (kept !== null) kept.response = null;
      kept?.socket.destroy();
    });
    response.onWritable(() => true);
    readBody(request, response, (body) => {
      kept = free.pop() ?? new Kept();
      kept.response = response;
      const { socket } = kept;
      socket.cork();
      socket.write(`${HEAD}${body.length}\r\n\r\n`, "latin1");
      socket.write(body);
      socket.uncork();
    });
  }),
);
