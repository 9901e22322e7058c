/** What node:http and undici make of the bytes of an answer, for comparison with ours. */
import http from "node:http";
import net, { type AddressInfo } from "node:net";
import { Client } from "undici";

export interface Verdict {
  readonly accepted: boolean;
  readonly status: number;
  readonly body: string;
  readonly why: string;
}

export interface Oracles {
  node(bytes: Buffer): Promise<Verdict>;
  undici(bytes: Buffer): Promise<Verdict>;
  close(): Promise<void>;
}

/** A server that sends the given bytes and then closes in an orderly way; the request's path says which. */
export async function startOracles(): Promise<Oracles> {
  const answers = new Map<string, Buffer>();
  let count = 0;
  const server = net.createServer((socket) => {
    socket.on("error", () => {}); // a client that refuses resets
    socket.once("data", (head: Buffer) => {
      const path = head.toString("latin1").split(" ")[1] ?? "";
      socket.end(answers.get(path) ?? "");
      answers.delete(path);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const port = (server.address() as AddressInfo).port;
  const put = (bytes: Buffer) => {
    const path = `/${count++}`;
    answers.set(path, bytes);
    return path;
  };

  return {
    node: (bytes) => askNode(port, put(bytes)),
    undici: (bytes) => askUndici(port, put(bytes)),
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

function refusal(error: unknown): Verdict {
  const { code, message } = error as NodeJS.ErrnoException;
  return { accepted: false, status: 0, body: "", why: code ?? message };
}

function askNode(port: number, path: string): Promise<Verdict> {
  return new Promise((resolve) => {
    const request = http.request({ port, path, agent: false, host: "127.0.0.1" }, (response) => {
      let body = "";
      response.setEncoding("latin1");
      response.on("data", (piece: string) => {
        body += piece;
      });
      response.on("error", (error) => resolve(refusal(error)));
      response.on("end", () => resolve({ accepted: true, status: response.statusCode ?? 0, body, why: "" }));
    });
    request.on("upgrade", (_, socket) => {
      socket.destroy();
      resolve({ accepted: true, status: 101, body: "", why: "" });
    });
    request.on("error", (error) => resolve(refusal(error)));
    request.end();
  });
}

async function askUndici(port: number, path: string): Promise<Verdict> {
  const client = new Client(`http://127.0.0.1:${port}`, { pipelining: 1 });
  try {
    const response = await client.request({ method: "GET", path });
    const body = Buffer.from(await response.body.arrayBuffer()).toString("latin1");
    return { accepted: true, status: response.statusCode, body, why: "" };
  } catch (error) {
    return refusal(error);
  } finally {
    await client.destroy();
  }
}
