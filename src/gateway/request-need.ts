/** What a request needs of a target. What takes a walk over the body is worked out when somebody looks at it, which most requests never do. */
import { estimateRequest } from "../protocols/estimate.ts";
import type { RequestNeed } from "../routing/capability.ts";
import { holdsImages, type RequestFacts } from "./request-facts.ts";

export class BodyNeed implements RequestNeed {
  readonly tools: boolean;
  readonly images: boolean;
  readonly jsonSchema: boolean;
  #body: Buffer | null;
  #promptTokens = 0;

  /** `asksImages`: some target is known to take none. `estimates` false: nothing asks for the estimate but its absence. */
  constructor(body: Buffer, facts: RequestFacts | null, asksImages: boolean, estimates: boolean) {
    this.tools = facts?.tools ?? false;
    this.images = asksImages && holdsImages(body);
    this.jsonSchema = facts?.jsonSchema ?? false;
    this.#body = estimates ? body : null;
  }

  /** Estimated once; the body is let go of then. */
  get promptTokens(): number {
    if (this.#body !== null) {
      this.#promptTokens = estimateRequest(this.#body);
      this.#body = null;
    }
    return this.#promptTokens;
  }
}
