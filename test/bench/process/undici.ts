/** The bar: a bare uWS route over undici's dispatch, the fastest that undici offers. */
import { readFileSync } from "node:fs";
import { Pool } from "undici";
import { readBody } from "./body.ts";
import { listen, native } from "./native.ts";

const port = Number(process.env["UPSTREAM_PORT"]);
const ca = process.env["CA"];
const pool = new Pool(`${ca === undefined ? "http" : "https"}://127.0.0.1:${port}`, {
  connections: 2048,
  pipelining: 1,
  bodyTimeout: 0,
  ...(ca === undefined ? {} : { connect: { ca: readFileSync(ca, "utf8") } }),
});
const HEADERS = ["content-type", "application/json", "authorization", "Bearer sk-upstream"];
const PASSED = ["content-type", "openai-processing-ms", "x-request-id"];

listen(
  native.App().post("/v1/chat/completions", (response, request) => {
    let abort: (() => void) | null = null;
    let gone = false;
    let passed: Record<string, string | string[] | undefined> = {};
    let streams = false;
    let whole: Buffer | null = null;
    response.onAborted(() => {
      gone = true;
      abort?.();
    });
    response.onWritable(() => true);
    const writeHead = () => {
      for (const name of PASSED) response.writeHeader(name, String(passed[name] ?? ""));
      passed = {};
    };
    readBody(request, response, (body) => {
      pool.dispatch(
        { method: "POST", path: "/v1/chat/completions", headers: HEADERS, body },
        {
          onRequestStart(controller) {
            abort = () => controller.abort(new Error("the client is gone"));
          },
          onResponseStart(_controller, _status, headers) {
            passed = headers;
            streams = headers["transfer-encoding"] !== undefined;
          },
          onResponseData(_controller, chunk) {
            if (gone) return;
            if (!streams) {
              whole = whole === null ? chunk : Buffer.concat([whole, chunk]);
              return;
            }
            response.cork(() => {
              if (passed["content-type"] !== undefined) writeHead();
              response.write(chunk);
            });
          },
          onResponseEnd() {
            if (gone) return;
            response.cork(() => {
              if (passed["content-type"] !== undefined) writeHead();
              if (whole === null) response.end();
              else response.end(whole);
            });
          },
          onResponseError(_controller, error) {
            if (!gone) throw error;
          },
        },
      );
    });
  }),
);
