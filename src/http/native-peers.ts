/** Peers by the bytes uWS gives, remembered: an address is spelled once, not for each of its requests. */
import { formatAddress } from "../base/net.ts";
import type { Peer } from "./exchange.ts";

/** A LAN's worth; more of them start anew. */
const REMEMBERED = 256;
/** ::ffff:0:0/96 as 32-bit words in the machine's order, the IPv4 address in the fourth. */
const MAPPED = new Uint32Array(new Uint8Array([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 0, 0, 0, 0]).buffer);

/** `localAddress` is the same for all: the one that is listened on. IPv6 peers are spelled each time. */
export function createPeers(localAddress: string): (bytes: ArrayBuffer) => Peer {
  const known = new Map<number, Peer>();
  return (bytes) => {
    const key = ipv4Key(bytes);
    let peer = known.get(key);
    if (peer !== undefined) return peer;
    peer = { address: formatAddress(new Uint8Array(bytes)), localAddress };
    if (key === NONE) return peer;
    if (known.size >= REMEMBERED) known.clear();
    known.set(key, peer);
    return peer;
  };
}

const NONE = -1;

function ipv4Key(bytes: ArrayBuffer): number {
  if (bytes.byteLength % 4 !== 0) return NONE;
  const words = new Uint32Array(bytes);
  if (words.length === 1) return words[0] ?? NONE;
  const isMapped =
    words.length === 4 && words[0] === MAPPED[0] && words[1] === MAPPED[1] && words[2] === MAPPED[2];
  return isMapped ? (words[3] ?? NONE) : NONE;
}
