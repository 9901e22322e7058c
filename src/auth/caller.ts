/** Who calls: a configured key, or an anonymous peer where the configuration lets it in. */
import { createHash, timingSafeEqual } from "node:crypto";
import type { Clock } from "../base/clock.ts";
import { Failure } from "../base/failure.ts";

export interface Caller {
  readonly kind: "key" | "anonymous";
  /** The key's id, or the peer's address: what logs, limits and budgets go by. */
  readonly id: string;
  /** Aliases it may use; empty = all. */
  readonly models: readonly string[];
  /** Providers it may use by prefix; empty = all. */
  readonly providers: readonly string[];
}

export interface KeyEntry {
  readonly id: string;
  readonly sha256: Buffer;
  readonly models: readonly string[];
  readonly providers: readonly string[];
  /** Epoch milliseconds; null = never. */
  readonly expires: number | null;
}

export type AnonymousRule = "none" | "loopback" | "lan" | "any";

export interface Authenticator {
  /** Throws Failure 401 or 403. `from` is looked at only where no key tells who calls, the clock where a key expires. */
  authenticate(credentials: readonly string[], from: CallerPlace, clock: Pick<Clock, "wall">): Caller;
}

/** Where the peer stands; "remote" also for anything behind a foreign proxy. */
export interface CallerPlace {
  readonly address: string;
  readonly scope: "loopback" | "lan" | "remote";
}

/** Verified credentials remembered, so that a request costs no hash. */
const REMEMBERED = 256;

/** SHA-256 of a key, as `key_sha256` holds it. */
export function hashKey(key: string): Buffer {
  return createHash("sha256").update(key, "utf8").digest();
}

export function createAuthenticator(keys: readonly KeyEntry[], anonymous: AnonymousRule): Authenticator {
  const entries = keys.map((key) => ({ ...key, caller: callerOf(key) }));
  type Entry = (typeof entries)[number];
  const remembered = new Map<string, Entry>();

  const find = (credential: string): Entry | null => {
    const known = remembered.get(credential);
    if (known !== undefined) return known;
    const hash = hashKey(credential);
    let match: Entry | null = null;
    // Every key is compared, each in constant time: the answer's timing tells nothing about them.
    for (const key of entries) if (timingSafeEqual(key.sha256, hash)) match = key;
    if (match !== null) {
      if (remembered.size >= REMEMBERED) remembered.delete(remembered.keys().next().value ?? "");
      remembered.set(credential, match);
    }
    return match;
  };

  return {
    authenticate(credentials, from, clock) {
      for (let i = 0; i < credentials.length; i++) {
        const key = find(credentials[i] as string);
        if (key === null) continue;
        if (key.expires !== null && clock.wall() >= key.expires) {
          throw new Failure("auth", `the key "${key.id}" has expired`, UNAUTHORIZED);
        }
        return key.caller;
      }
      // SDKs insist on sending some key: where anonymous callers are welcome an unknown one is no error.
      const { address, scope } = from;
      if (admits(anonymous, scope)) return { kind: "anonymous", id: address, models: [], providers: [] };
      if (anonymous === "none" || credentials.length > 0) {
        const message =
          credentials.length === 0 ? "no API key was sent" : "the API key is not one of this gateway's";
        throw new Failure("auth", message, UNAUTHORIZED);
      }
      throw new Failure(
        "forbidden",
        `without a key this gateway serves only ${anonymous === "lan" ? "its local network" : "itself"}; this request comes from elsewhere or through a proxy`,
        { code: "not_on_lan" },
      );
    },
  };
}

function callerOf({ id, models, providers }: KeyEntry): Caller {
  return { kind: "key", id, models, providers };
}

const UNAUTHORIZED = { code: "invalid_api_key", headers: ["www-authenticate", "Bearer"] } as const;

function admits(rule: AnonymousRule, scope: CallerPlace["scope"]): boolean {
  if (rule === "any") return true;
  if (rule === "lan") return scope !== "remote";
  return rule === "loopback" && scope === "loopback";
}
