/** The end of a request: counters, and the one line the log has of it. */
import { CLIENT_CLOSED } from "./body.ts";
import type { Core } from "./core.ts";
import type { Delivery } from "./delivery.ts";
import type { RequestRecord } from "./record.ts";
import { writeRequest } from "./request-line.ts";

/** Called exactly once per request. */
export function settle(core: Core, record: RequestRecord, delivery: Delivery | null, status: number): void {
  if (record.ended) return;
  record.ended = true;
  record.dropBody();
  const { totals, log } = core;
  totals.active--;
  const failed = status >= 400 || record.failure !== null;
  if (failed) totals.failed++;
  record.from.onSettled?.(record);
  const line = log.startLine();
  if (line !== null) writeRequest(line, record, delivery, status, core);
}

/** Status for the log: 499 when the client went first. */
export function finalStatus(record: RequestRecord, delivery: Delivery): number {
  if (delivery.gone || record.failure?.code === CLIENT_CLOSED) return 499;
  return delivery.status;
}
