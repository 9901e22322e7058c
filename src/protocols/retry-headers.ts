/** When to ask again, in the headers that SDKs read (40-protocols 4.3). */
import type { Failure } from "../base/failure.ts";

/** `retry-after` and `x-should-retry` as the SDKs read them (40-protocols 4.3). */
export function retryHeaders(failure: Failure): string[] {
  const headers = [...failure.headers];
  if (failure.retryAfterMs !== null) {
    const seconds = Math.max(1, Math.ceil(failure.retryAfterMs / 1000));
    headers.push("retry-after", String(seconds));
    headers.push("retry-after-ms", String(Math.max(1, Math.round(failure.retryAfterMs))));
    if (seconds > 60) headers.push("x-should-retry", "false");
  }
  const quiet = failure.noRetry || failure.kind === "quota" || failure.kind === "upstream_auth";
  if (quiet && !headers.includes("x-should-retry")) headers.push("x-should-retry", "false");
  return headers;
}
