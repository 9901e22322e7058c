/** The addresses of a host that a request named, or a refusal: nobody may reach into the own network through us. */
import { Failure } from "../base/failure.ts";
import { isPrivateAddress } from "../base/net.ts";
import type { Names } from "./dns.ts";

/**
 * Resolves with the host's addresses, all of them public; connect to these and to no others, or a second look-up may
 * say something else (DNS rebinding). Rejects with a Failure: 400 `private_address` when the host or any of its
 * addresses is private, 502 `upstream_dns` when it does not resolve. `host` may be an IPv6 literal in brackets.
 */
export function resolvePublic(names: Names, host: string): Promise<readonly string[]> {
  const name = host.replace(/^\[|\]$/g, "");
  return new Promise((resolve, reject) => {
    if (name === "" || isPrivateAddress(name)) {
      reject(refusal(host));
      return;
    }
    names.resolve(name, (error, addresses) => {
      if (error !== "" || addresses.length === 0)
        reject(new Failure("upstream", error || `${host} has no address`, { code: "upstream_dns" }));
      // One private answer among public ones is how a rebinding name looks.
      else if (addresses.some(isPrivateAddress)) reject(refusal(host));
      else resolve(addresses);
    });
  });
}

function refusal(host: string): Failure {
  return new Failure("bad_request", `${host.slice(0, 253)} is not on the public internet`, {
    code: "private_address",
  });
}
