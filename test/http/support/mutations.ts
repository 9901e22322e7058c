/** Valid requests and seeded damage to them: bytes, headers, framing, order, packets. */

/** Uniform in [0, 1). */
type Next = () => number;

const METHODS = ["GET", "POST", "HEAD", "OPTIONS", "PUT", "DELETE", "BREW"];
const PATHS = [
  "/",
  "/v1/chat/completions",
  "/v1/models?x=1",
  "/api/tags",
  "/health",
  "/a/../b/%2e%2e/c",
  "/v1beta/models/x:generateContent",
  "*",
];
const ODD_HEADERS = [
  "Content-Length: 0",
  "Content-Length: 7",
  "Content-Length: 99999999",
  "content-length: -1",
  "Transfer-Encoding: chunked",
  "Transfer-Encoding: gzip",
  "Transfer-Encoding : chunked",
  "Expect: 100-continue",
  "Connection: close",
  "Connection: Upgrade",
  "Upgrade: websocket",
  "Host: other",
  `X-Long: ${"y".repeat(9000)}`,
  ": empty",
  "X-Forwarded-For: 1.2.3.4",
];

/** One connection's worth of bytes, in packets. */
export function mutate(next: Next): Buffer[] {
  const count = 1 + Math.floor(next() * 3);
  let bytes: Buffer = Buffer.concat(Array.from({ length: count }, () => validRequest(next)));
  const edits = Math.floor(next() * 6);
  for (let i = 0; i < edits; i++) bytes = edit(bytes, next);
  const packets: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const size = next() < 0.5 ? bytes.length : 1 + Math.floor(next() * 200);
    packets.push(bytes.subarray(at, at + size));
    at += size;
    if (packets.length > 20) {
      packets.push(bytes.subarray(at));
      break;
    }
  }
  return packets;
}

function pick<T>(list: readonly T[], next: Next): T {
  return list[Math.floor(next() * list.length)] as T;
}

function validRequest(next: Next): Buffer {
  const head = [`${pick(METHODS, next)} ${pick(PATHS, next)} HTTP/1.1`, "Host: 127.0.0.1"];
  while (next() < 0.3) head.push(pick(ODD_HEADERS, next));
  const body = Buffer.alloc(Math.floor(next() * 400), 0x61);
  const kind = next();
  if (kind < 0.3) return Buffer.from(`${head.join("\r\n")}\r\n\r\n`);
  if (kind < 0.6) {
    return Buffer.concat([
      Buffer.from(`${head.join("\r\n")}\r\nContent-Length: ${body.length}\r\n\r\n`),
      body,
    ]);
  }
  const chunks: Buffer[] = [];
  for (let at = 0; at < body.length; at += 90) {
    const piece = body.subarray(at, at + 90);
    chunks.push(
      Buffer.from(`${piece.length.toString(16)}${next() < 0.1 ? ";x=y" : ""}\r\n`),
      piece,
      Buffer.from("\r\n"),
    );
  }
  const tail = next() < 0.1 ? "0\r\nX-T: 1\r\n\r\n" : "0\r\n\r\n";
  return Buffer.concat([
    Buffer.from(`${head.join("\r\n")}\r\nTransfer-Encoding: chunked\r\n\r\n`),
    ...chunks,
    Buffer.from(tail),
  ]);
}

function edit(bytes: Buffer, next: Next): Buffer {
  const at = Math.floor(next() * bytes.length);
  switch (Math.floor(next() * 7)) {
    case 0: {
      const copy = Buffer.from(bytes);
      if (copy.length > 0) copy[at] = Math.floor(next() * 256);
      return copy;
    }
    case 1:
      return bytes.subarray(0, at);
    case 2:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + Math.floor(next() * 4))]);
    case 3:
      return Buffer.concat([
        bytes.subarray(0, at),
        Buffer.from(pick(["\r", "\n", "\0", "\r\n\r\n", " ", ":", "\xff", "0"], next), "latin1"),
        bytes.subarray(at),
      ]);
    case 4: {
      const line = bytes.indexOf("\r\n", at);
      if (line === -1) return bytes;
      return Buffer.concat([
        bytes.subarray(0, line),
        Buffer.from(`\r\n${pick(ODD_HEADERS, next)}`),
        bytes.subarray(line),
      ]);
    }
    case 5: {
      const end = at + Math.floor(next() * 100);
      return Buffer.concat([bytes.subarray(0, end), bytes.subarray(at)]);
    }
    default:
      return Buffer.from(bytes.toString("latin1").replace(/\r\n/, "\n"), "latin1");
  }
}
