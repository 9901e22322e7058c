/** One HTTP request to 127.0.0.1, and its answer as text. */
import { request } from "node:http";

/** Far above what anything here takes, also on a busy machine. */
const PATIENCE_MS = 20_000;

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
  json(): Record<string, unknown>;
}

export interface AskOptions {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** One request to 127.0.0.1 on a connection of its own. */
export function ask(port: number, path: string, options: AskOptions = {}): Promise<Answer> {
  const method = options.method ?? (options.body === undefined ? "GET" : "POST");
  return new Promise((resolve, reject) => {
    const sent = request({
      host: "127.0.0.1",
      port,
      path,
      method,
      agent: false,
      timeout: PATIENCE_MS,
      headers: {
        ...(options.body === undefined ? {} : { "content-type": "application/json" }),
        ...options.headers,
      },
    });
    sent.on("response", (answer) => {
      let body = "";
      answer.setEncoding("utf8");
      answer.on("data", (chunk: string) => {
        body += chunk;
      });
      answer.on("end", () => {
        resolve({
          status: answer.statusCode ?? 0,
          headers: answer.headers,
          body,
          json: () => JSON.parse(body) as Record<string, unknown>,
        });
      });
      answer.on("error", reject);
    });
    sent.on("timeout", () => sent.destroy(new Error(`no answer from ${path}`)));
    sent.on("error", reject);
    sent.end(options.body);
  });
}
