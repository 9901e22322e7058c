/** How the caller hears that its request has failed: as a whole answer, or inside the stream that has begun. */
import type { Failure } from "../base/failure.ts";
import type { Delivery } from "./delivery.ts";
import type { Plan } from "./plan.ts";

/** `body`: the upstream's own error, which the caller gets as it is; null = in the caller's form. */
export function deliverFailure(delivery: Delivery, plan: Plan, failure: Failure, body: Buffer | null): void {
  if (!delivery.started) {
    const answer = plan.refuse(failure);
    delivery.respond(body === null ? answer.status : failure.status, answer.headers, body ?? answer.body);
    return;
  }
  const text = plan.stream ? plan.failInBand(failure) : null;
  if (text === null) {
    delivery.cut();
    return;
  }
  delivery.writeText(text);
  delivery.end();
}
