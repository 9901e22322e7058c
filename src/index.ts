/** The library: the gateway's core without server and command line, and a few of its decisions as functions. */

export type { FailureKind } from "./base/failure.ts";
export { Failure } from "./base/failure.ts";
export { isPrivateAddress } from "./base/net.ts";
export type { ClassifyOptions, ErrorAnswer, ErrorClass } from "./library/classify-error.ts";
export { classifyError } from "./library/classify-error.ts";
export type { Pool } from "./library/pool.ts";
export { createPool } from "./library/pool.ts";
export type { PoolOptions, PoolPrice, PoolTarget, PoolTimeouts } from "./library/pool-target.ts";
export type { Answer, RequestOptions, RequestStream } from "./library/request.ts";
export { request, requestStream } from "./library/request.ts";
export type { RequestBody } from "./library/request-body.ts";
export { resolvePublic } from "./library/resolve-public.ts";
export type { Usage } from "./protocols/neutral.ts";
export type { ProtocolName } from "./protocols/protocol.ts";
export { estimateTokens } from "./protocols/rune-count.ts";
