/** Who calls, found out before anything is read of a request: a stranger costs no memory. */
import type { Caller } from "../auth/caller.ts";
import { credentialsOf } from "../auth/credential.ts";
import { Failure } from "../base/failure.ts";
import type { Core } from "./core.ts";
import type { RequestRecord } from "./record.ts";
import type { Session } from "./runtime.ts";

export const SHUTTING_DOWN = new Failure("overloaded", "the gateway is shutting down", {
  code: "shutting_down",
  retryAfterMs: 1000,
  headers: ["connection", "close"],
});

/** Notes the caller in the record. Throws Failure: 401 for a stranger, 503 while we drain. */
export function checkCaller(core: Core, session: Session, record: RequestRecord): Caller {
  const { exchange, from } = record;
  const credentials = credentialsOf(exchange);
  let caller: Caller;
  try {
    caller = session.authenticator.authenticate(credentials, from, core.time.clock);
  } catch (refused) {
    // The log names them by it, and a connection can tell only until the answer is out.
    record.stranger = from.address;
    throw refused;
  }
  record.caller = caller;
  if (session.draining) throw SHUTTING_DOWN;
  return caller;
}
