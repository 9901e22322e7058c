/** Tells hosts of the own network from public ones by their name alone, for `private = "auto"` (10-config.md). */
import { classifyAddress, parseAddress } from "../base/net.ts";

/** True for private literals, localhost, *.lan and *.local. `host` as `URL.hostname` gives it. */
export function isPrivateHost(host: string): boolean {
  const address = parseAddress(host);
  if (address !== null) return classifyAddress(address, []) !== "remote";
  return /^(?:.*\.)?(?:localhost|lan|local)\.?$/i.test(host);
}
