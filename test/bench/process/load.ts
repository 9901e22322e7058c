/** The load generator: keep-alive connections on raw sockets, driven by messages of the bench. */
import net from "node:net";
import type { LoadOrder, LoadResult, StreamOrder, StreamResult } from "../load-contract.ts";

const SETTLE_MS = 4000;
const TILDE = 0x7e;
const buffer = Buffer.allocUnsafeSlow(1 << 18);

process.on("message", (order: LoadOrder | StreamOrder | "count") => {
  if (order === "count") process.send?.({ kind: "count", events });
  else if (order.kind === "requests") void sendRequests(order).then((result) => process.send?.(result));
  else void openStreams(order).then((result) => process.send?.(result));
});

function requestBytes(order: LoadOrder | StreamOrder, text: string): Buffer {
  const body = Buffer.from(text);
  const head = `POST ${order.path} HTTP/1.1\r\nhost: 127.0.0.1:${order.port}\r\ncontent-type: application/json\r\n${order.headers}content-length: ${body.length}\r\n\r\n`;
  return Buffer.concat([Buffer.from(head), body]);
}

function sendRequests(order: LoadOrder): Promise<LoadResult> {
  return new Promise((resolve) => {
    const requests = order.bodies.map((body) => requestBytes(order, body));
    let sent = 0;
    const latencies: number[] = [];
    let errors = 0;
    let running = order.connections;
    const startedAt = performance.now();
    const until = startedAt + order.ms;
    for (let i = 0; i < order.connections; i++) {
      let sentAt = 0;
      let expected = -1;
      let received = 0;
      const send = () => {
        expected = -1;
        received = 0;
        sentAt = performance.now();
        socket.write(requests[sent++ % requests.length] ?? "");
      };
      const socket = net.connect({
        host: "127.0.0.1",
        port: order.port,
        noDelay: true,
        onread: {
          buffer,
          callback(length) {
            if (expected < 0) expected = sizeOf(length);
            received += length;
            if (received < expected) return true;
            const now = performance.now();
            latencies.push((now - sentAt) * 1000);
            if (now < until) send();
            else socket.destroy();
            return true;
          },
        },
      });
      socket.on("connect", send);
      socket.on("error", () => errors++);
      socket.on("close", () => {
        if (performance.now() < until) errors++;
        if (--running > 0) return;
        const seconds = (performance.now() - startedAt) / 1000;
        latencies.sort((a, b) => a - b);
        const at = (share: number) => latencies[Math.floor(latencies.length * share)] ?? Number.NaN;
        resolve({
          kind: "requests",
          count: latencies.length,
          errors,
          rps: latencies.length / seconds,
          p50: at(0.5),
          p99: at(0.99),
        });
      });
    }
  });

  /** Bytes of the answer that begins in the buffer. */
  function sizeOf(length: number): number {
    const end = buffer.indexOf("\r\n\r\n");
    const head = buffer.toString("latin1", 0, Math.min(end, length));
    if (!head.startsWith("HTTP/1.1 200")) throw new Error(buffer.toString("latin1", 0, length));
    const size = /content-length: (\d+)/i.exec(head)?.[1];
    if (size === undefined) throw new Error(`no content-length: ${head}`);
    return end + 4 + Number(size);
  }
}

let events = 0;

/** Opens streams a few at a time, counts their events, and ends when all have all or nothing comes any more. */
function openStreams(order: StreamOrder): Promise<StreamResult> {
  return new Promise((resolve) => {
    const bytes = requestBytes(order, order.body);
    const sockets: net.Socket[] = [];
    const first: number[] = [];
    events = 0;
    let lastEventAt = performance.now();
    const whole = order.streams * order.events;
    const opener = setInterval(() => {
      for (let i = 0; i < 20 && sockets.length < order.streams; i++) sockets.push(open());
      const now = performance.now();
      if (events < whole && now - lastEventAt < SETTLE_MS) return;
      clearInterval(opener);
      for (const socket of sockets) socket.destroy();
      first.sort((a, b) => a - b);
      resolve({
        kind: "streams",
        events,
        lost: whole - events,
        first: first[first.length >> 1] ?? Number.NaN,
      });
    }, 10);

    function open(): net.Socket {
      const sentAt = performance.now();
      let isFirst = true;
      const socket = net.connect({
        host: "127.0.0.1",
        port: order.port,
        noDelay: true,
        onread: {
          buffer,
          callback(length) {
            const piece = buffer.subarray(0, length);
            let found = 0;
            for (let at = piece.indexOf(TILDE); at >= 0; at = piece.indexOf(TILDE, at + 1)) found++;
            if (found === 0) return true;
            events += found;
            lastEventAt = performance.now();
            if (isFirst) {
              first.push((lastEventAt - sentAt) * 1000);
              if (first.length === order.streams) process.send?.({ kind: "open" });
            }
            isFirst = false;
            return true;
          },
        },
      });
      socket.on("connect", () => socket.write(bytes));
      socket.on("error", () => {}); // shows as lost events
      return socket;
    }
  });
}
