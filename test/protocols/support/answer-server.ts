/** A loopback server for SDK tests: answers each request with what the test computes from its body. */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";

export interface SdkRequest {
  readonly method: string;
  readonly path: string;
  readonly body: unknown;
}

export interface SdkAnswer {
  readonly status?: number;
  readonly contentType?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Written piece by piece. */
  readonly body: string | readonly string[];
}

export interface AnswerServer {
  readonly url: string;
  readonly requests: SdkRequest[];
  close(): Promise<void>;
}

/** Listens on a free loopback port. */
export async function startAnswerServer(answer: (request: SdkRequest) => SdkAnswer): Promise<AnswerServer> {
  const requests: SdkRequest[] = [];
  const server: Server = createServer((incoming, response) => {
    const chunks: Buffer[] = [];
    incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
    incoming.on("end", () => {
      const text = Buffer.concat(chunks).toString("utf8");
      const request = {
        method: incoming.method ?? "",
        path: incoming.url ?? "",
        body: text === "" ? undefined : (JSON.parse(text) as unknown),
      };
      requests.push(request);
      const { status = 200, contentType = "application/json", headers = {}, body } = answer(request);
      response.writeHead(status, { ...headers, "content-type": contentType });
      for (const piece of typeof body === "string" ? [body] : body) response.write(piece);
      response.end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
