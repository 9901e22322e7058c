/** Tells hosts of the own network from public ones by their name alone, for `private = "auto"` (10-config.md). */
import { BlockList, isIP } from "node:net";

const PRIVATE = new BlockList();
for (const [network, prefix] of [
  ["10.0.0.0", 8],
  ["172.16.0.0", 12],
  ["192.168.0.0", 16],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["100.64.0.0", 10],
] as const) {
  PRIVATE.addSubnet(network, prefix, "ipv4");
  PRIVATE.addSubnet(`::ffff:${network}`, 96 + prefix, "ipv6");
}
for (const [network, prefix] of [
  ["::1", 128],
  ["fc00::", 7],
  ["fe80::", 10],
] as const) {
  PRIVATE.addSubnet(network, prefix, "ipv6");
}

/** True for private literals, localhost, *.lan and *.local. `host` as `URL.hostname` gives it. */
export function isPrivateHost(host: string): boolean {
  const name = host
    .replace(/^\[|\]$/g, "")
    .replace(/\.$/, "")
    .toLowerCase();
  const family = isIP(name);
  if (family !== 0) return PRIVATE.check(name, family === 4 ? "ipv4" : "ipv6");
  return /^(?:.*\.)?(?:localhost|lan|local)$/.test(name);
}
