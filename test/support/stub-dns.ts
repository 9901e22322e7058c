/** A name server on loopback: answers A and AAAA queries from a table, can fall silent and come back. */
import dgram from "node:dgram";
import type { AddressInfo } from "node:net";

export interface StubDns {
  /** `host:port`, as c-ares takes it. */
  readonly address: string;
  /** Names in lower case to addresses of both families; an unknown name is NXDOMAIN. */
  readonly names: Map<string, readonly string[]>;
  /** False: queries are read and not answered. */
  answering: boolean;
  readonly queries: readonly string[];
  close(): void;
}

const A = 1;
const AAAA = 28;

export async function startStubDns(names: Record<string, readonly string[]>): Promise<StubDns> {
  const socket = dgram.createSocket("udp4");
  await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
  const queries: string[] = [];
  const stub = {
    address: `127.0.0.1:${(socket.address() as AddressInfo).port}`,
    names: new Map(Object.entries(names)),
    answering: true,
    queries,
    close: () => socket.close(),
  };
  socket.on("message", (query, peer) => {
    const { name, type, end } = question(query);
    queries.push(`${name} ${type === A ? "A" : type === AAAA ? "AAAA" : type}`);
    if (!stub.answering) return;
    const known = stub.names.get(name);
    const wanted = (known ?? []).filter((address) => address.includes(":") === (type === AAAA));
    const head = Buffer.alloc(12);
    query.copy(head, 0, 0, 2);
    head.writeUInt16BE(known === undefined ? 0x8183 : 0x8180, 2);
    head.writeUInt16BE(1, 4);
    head.writeUInt16BE(wanted.length, 6);
    const records = wanted.map((address) => record(type, addressBytes(address)));
    socket.send(Buffer.concat([head, query.subarray(12, end), ...records]), peer.port, peer.address);
  });
  return stub;
}

/** RFC 1035 4.1.2. */
function question(query: Buffer): { readonly name: string; readonly type: number; readonly end: number } {
  const labels: string[] = [];
  let at = 12;
  for (let size = query[at] ?? 0; size > 0; size = query[at] ?? 0) {
    labels.push(query.toString("latin1", at + 1, at + 1 + size));
    at += size + 1;
  }
  return { name: labels.join(".").toLowerCase(), type: query.readUInt16BE(at + 1), end: at + 5 };
}

/** RFC 1035 4.1.3, its name a pointer to the question. */
function record(type: number, data: Buffer): Buffer {
  const head = Buffer.from([0xc0, 12, 0, type, 0, 1, 0, 0, 0, 1, 0, data.length]);
  return Buffer.concat([head, data]);
}

function addressBytes(address: string): Buffer {
  if (!address.includes(":")) return Buffer.from(address.split(".").map(Number));
  const bytes = Buffer.alloc(16);
  bytes[15] = Number.parseInt(address.slice(address.lastIndexOf(":") + 1), 16); // ::n is all the tests need
  return bytes;
}
