/** What a request needs of a target. What takes a walk over the body is worked out when somebody looks at it, which most requests never do. */
import { estimateRequest, mostTokens } from "../protocols/estimate.ts";
import type { RequestNeed } from "../routing/capability.ts";
import { holdsImages, type RequestFacts } from "./request-facts.ts";

export class BodyNeed implements RequestNeed {
  readonly tools: boolean;
  readonly images: boolean;
  readonly jsonSchema: boolean;
  readonly #chooses: boolean;
  #body: Buffer | null;
  #promptTokens = 0;

  /** `asksImages`: some target is known to take none. `chooses` false: the estimate is wanted for the books only. */
  constructor(body: Buffer, facts: RequestFacts | null, asksImages: boolean, chooses: boolean) {
    this.tools = facts?.tools ?? false;
    this.images = asksImages && holdsImages(body);
    this.jsonSchema = facts?.jsonSchema ?? false;
    this.#chooses = chooses;
    this.#body = body;
  }

  get promptTokens(): number {
    return this.#chooses ? this.estimate() : 0;
  }

  /** What `promptTokens` cannot be above, without a walk. */
  get promptAtMost(): number {
    if (!this.#chooses) return 0;
    return this.#body === null ? this.#promptTokens : mostTokens(this.#body);
  }

  /** Estimated prompt tokens, also where nothing is chosen. Worked out once; the body is let go of then. */
  estimate(): number {
    if (this.#body !== null) {
      this.#promptTokens = estimateRequest(this.#body);
      this.#body = null;
    }
    return this.#promptTokens;
  }

  /** No estimate will be asked for any more. */
  letGo(): void {
    this.#body = null;
  }
}
