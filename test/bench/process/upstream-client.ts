/** Our upstream client against the floor (a raw keep-alive client that parses next to nothing) and undici's dispatch: ratios in one run. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import net from "node:net";
import tls from "node:tls";
import { Pool } from "undici";
import { createSystemTime } from "../../../src/base/system-time.ts";
import { createUpstreamClient } from "../../../src/upstream/http1-client.ts";
import { originOf } from "../../../src/upstream/origin.ts";
import { createAuthority, createCertificate } from "../../support/tls.ts";

const CONCURRENCY = Number(process.env["CONCURRENCY"] ?? 16);
const ROUNDS = Number(process.env["ROUNDS"] ?? 7);
const ROUND_MS = Number(process.env["ROUND_MS"] ?? 600);
const ONLY = process.env["ONLY"] ?? "";
const SECURE = process.env["TLS"] === "1";
const authority = createAuthority();
const certificate = createCertificate(authority);
const context = tls.createSecureContext({ ca: authority.cert });
const BODY = Buffer.from(
  JSON.stringify({ model: "gpt-4o-mini", messages: [{ role: "user", content: "x".repeat(120) }] }),
);
const HEADERS =
  "content-type: application/json\r\naccept: application/json\r\nauthorization: Bearer sk-test-0123456789abcdef\r\nuser-agent: sluice/0.1.0\r\n";

/** Sends one request and calls back with the number of body bytes. */
type Send = (done: (bytes: number) => void) => void;

interface Variant {
  readonly name: string;
  readonly send: Send;
  close(): void;
}

/** A server of its own process that answers every request on a connection with the same bytes. */
const SERVER = `
const body = JSON.stringify({ id: "chatcmpl-1", object: "chat.completion", choices: [{ index: 0, message: { role: "assistant", content: "Hello there, how can I help you today?" }, finish_reason: "stop" }], usage: { prompt_tokens: 10, completion_tokens: 9, total_tokens: 19 } });
const answer = Buffer.from("HTTP/1.1 200 OK\\r\\ndate: Tue, 25 Nov 2025 10:00:00 GMT\\r\\ncontent-type: application/json\\r\\ncontent-length: " + body.length + "\\r\\nopenai-processing-ms: 12\\r\\nx-request-id: req_0123456789\\r\\nx-ratelimit-remaining-requests: 9999\\r\\nx-ratelimit-remaining-tokens: 199999\\r\\nserver: cloudflare\\r\\n\\r\\n" + body);
const options = { noDelay: true, cert: process.env.CERT, key: process.env.KEY };
(process.env.CERT ? require("tls") : require("net")).createServer(options, (socket) => {
  socket.on("error", () => {});
  socket.on("data", () => socket.write(answer));
}).listen(0, "127.0.0.1", function () { console.log(this.address().port); });
`;

const child = spawn("taskset", ["-c", "1", process.execPath, "-e", SERVER], {
  stdio: ["ignore", "pipe", "inherit"],
  env: SECURE ? { ...process.env, CERT: certificate.cert, KEY: certificate.key } : process.env,
});
const [line] = (await once(child.stdout, "data")) as [Buffer];
const port = Number(line.toString());

const variants = [floor(port), own(port), undici(port)].filter(({ name }) => ONLY === "" || name === ONLY);
const figures = new Map<string, { cpu: number[]; rps: number[] }>();
for (const { name } of variants) figures.set(name, { cpu: [], rps: [] });
for (const variant of variants) await measure(variant, 300);
for (let round = 0; round < ROUNDS; round += 1) {
  const order = round % 2 === 0 ? variants : [...variants].reverse();
  for (const variant of order) {
    const { cpu, rps } = await measure(variant, ROUND_MS);
    figures.get(variant.name)?.cpu.push(cpu);
    figures.get(variant.name)?.rps.push(rps);
  }
}
const base = figures.get(variants[0]?.name ?? "");
for (const [name, { cpu, rps }] of figures) {
  const cpuRatio = median(cpu.map((each, i) => each / (base?.cpu[i] ?? 1)));
  const rpsRatio = median(rps.map((each, i) => each / (base?.rps[i] ?? 1)));
  console.log(
    `${name.padEnd(8)} ${median(rps).toFixed(0).padStart(7)} rps  x${rpsRatio.toFixed(2)}   ${median(cpu).toFixed(1).padStart(6)} us cpu  x${cpuRatio.toFixed(2)}`,
  );
}
for (const variant of variants) variant.close();
child.kill();

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;
}

function measure(variant: Variant, ms: number): Promise<{ cpu: number; rps: number }> {
  return new Promise((resolve) => {
    const started = performance.now();
    const cpuBefore = process.cpuUsage();
    const until = started + ms;
    let count = 0;
    let running = CONCURRENCY;
    const next = (bytes: number) => {
      if (bytes < 100) throw new Error(`${variant.name}: short answer`);
      count += 1;
      if ((count & 63) !== 0 || performance.now() < until) {
        variant.send(next);
        return;
      }
      running -= 1;
      if (running > 0) return;
      const used = process.cpuUsage(cpuBefore);
      const seconds = (performance.now() - started) / 1000;
      resolve({ cpu: (used.user + used.system) / count, rps: count / seconds });
    };
    for (let i = 0; i < CONCURRENCY; i += 1) variant.send(next);
  });
}

function own(port: number): Variant {
  const client = createUpstreamClient({ time: createSystemTime() });
  const origin = originOf(`${SECURE ? "https" : "http"}://127.0.0.1:${port}`, { ca: [authority.cert] });
  const deadlines = { connect: 5000, firstByte: 180_000, idle: 60_000, total: 0 };
  return {
    name: "own",
    send(done) {
      let bytes = 0;
      client.send(
        {
          origin,
          method: "POST",
          path: "/v1/chat/completions",
          constantHeaders: HEADERS,
          headers: "",
          body: [BODY],
          deadlines,
        },
        {
          onHead() {},
          onData(chunk) {
            bytes += chunk.length;
          },
          onEnd: () => done(bytes),
          onFail(failure) {
            throw new Error(failure.message);
          },
        },
      );
    },
    close: () => client.close(),
  };
}

/** Takes a content-length answer that comes in one piece for granted: what no real client may. */
function floor(port: number): Variant {
  const buffer = Buffer.allocUnsafeSlow(65_536);
  const free: Raw[] = [];
  interface Raw {
    socket: net.Socket;
    done: (bytes: number) => void;
  }
  const connect = (options: net.NetConnectOpts): net.Socket =>
    SECURE
      ? tls.connect({ ...options, secureContext: context } as tls.ConnectionOptions)
      : net.connect(options);
  const head = `POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\n${HEADERS}content-length: `;
  function open(): Raw {
    const raw: Raw = {
      socket: connect({
        port,
        host: "127.0.0.1",
        noDelay: true,
        onread: {
          buffer,
          callback(length: number) {
            const at = buffer.indexOf("\r\n\r\n");
            const text = buffer.toString("latin1", 0, at);
            const from = text.indexOf("content-length: ");
            const bytes = Number(text.slice(from + 16, text.indexOf("\r", from)));
            if (at + 4 + bytes !== length) throw new Error("floor: not in one piece");
            free.push(raw);
            raw.done(bytes);
            return true;
          },
        },
      }),
      done: () => {},
    };
    return raw;
  }
  return {
    name: "floor",
    send(done) {
      const raw = free.pop() ?? open();
      raw.done = done;
      raw.socket.cork();
      raw.socket.write(`${head}${BODY.length}\r\n\r\n`, "latin1");
      raw.socket.write(BODY);
      raw.socket.uncork();
    },
    close() {
      for (const { socket } of free) socket.destroy();
    },
  };
}

function undici(port: number): Variant {
  const pool = new Pool(`${SECURE ? "https" : "http"}://127.0.0.1:${port}`, {
    connections: 64,
    pipelining: 1,
    connect: { ca: authority.cert },
  });
  const headers = HEADERS.trim()
    .split("\r\n")
    .flatMap((each) => {
      const colon = each.indexOf(":");
      return [each.slice(0, colon), each.slice(colon + 2)];
    });
  return {
    name: "undici",
    send(done) {
      let bytes = 0;
      pool.dispatch(
        { method: "POST", path: "/v1/chat/completions", headers, body: BODY },
        {
          onRequestStart() {},
          onResponseStart() {},
          onResponseData(_, chunk) {
            bytes += chunk.length;
          },
          onResponseEnd: () => done(bytes),
          onResponseError(_, error) {
            throw error;
          },
        },
      );
    },
    close: () => void pool.close(),
  };
}
