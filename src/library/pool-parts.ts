/** What a pool holds for requests, behind a key that only this library has. */
import type { Gateway } from "../gateway/gateway.ts";
import type { RequestIds } from "../gateway/request-id.ts";

export interface PoolParts {
  readonly gateway: Gateway;
  readonly ids: RequestIds;
  readonly closed: boolean;
}

const PARTS = Symbol("parts");

export function withParts<P extends object>(parts: PoolParts, pool: P): P {
  return Object.defineProperty(pool, PARTS, { value: parts });
}

/** Throws a TypeError for anything `createPool` did not make. */
export function partsOf(pool: object): PoolParts {
  if (typeof pool !== "object" || pool === null || !(PARTS in pool))
    throw new TypeError("pool: allowed: what createPool returned");
  return pool[PARTS] as PoolParts;
}
