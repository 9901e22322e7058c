/** Which conversation a request belongs to: what implicit stickiness remembers a target for. */

/** Already read out of the request; "" = absent. */
export interface SessionFacts {
  readonly alias: string;
  /** Identity of the caller: two callers never share a session. */
  readonly caller: string;
  readonly sessionHeader: string;
  readonly promptCacheKey: string;
  /** `metadata.user_id` as it came. */
  readonly userId: string;
  readonly system: string;
  readonly firstUserTurn: string;
}

/** Of long texts only so much is hashed, with the length: enough to tell conversations apart, cheap on a router. */
const HASHED_CHARS = 4096;

/** A short key, or "" when the request holds nothing to tell a conversation by. */
export function sessionKey(facts: SessionFacts): string {
  const given = facts.sessionHeader || facts.promptCacheKey || sessionOfUserId(facts.userId);
  if (given === "" && facts.system === "" && facts.firstUserTurn === "") return "";
  const mix = new Mix();
  mix.add(facts.alias);
  if (given !== "") mix.add(given);
  else {
    mix.add("text;");
    mix.add(facts.system);
    mix.add(facts.firstUserTurn);
  }
  return `${facts.caller}\n${mix.digest()}`;
}

/**
 * Two independent 32-bit multiplicative hashes: all that is wanted is that conversations of one caller differ, and
 * SHA-256 cost as much as the whole of routing. The caller stands beside them in clear: nobody can aim at another's.
 */
class Mix {
  #a = 0x9e3779b9;
  #b = 0x85ebca6b;

  add(text: string): void {
    let a = this.#a ^ text.length;
    let b = this.#b ^ text.length;
    const end = Math.min(text.length, HASHED_CHARS);
    for (let i = 0; i < end; i++) {
      const unit = text.charCodeAt(i);
      a = Math.imul(a ^ unit, 0x01000193);
      b = Math.imul(b ^ unit, 0x5bd1e995);
      b ^= b >>> 15;
    }
    this.#a = a;
    this.#b = b;
  }

  digest(): string {
    return `${this.#a}.${this.#b}`;
  }
}

/**
 * The session inside `metadata.user_id`: Claude Code writes a JSON object with `session_id`, earlier versions
 * `user_…_account_…_session_<uuid>`. "" when there is none.
 */
export function sessionOfUserId(userId: string): string {
  if (userId === "" || userId.length > 2048) return "";
  const found =
    /"session_id"\s*:\s*"([^"\\]{1,256})"/.exec(userId) ?? /_session_([\w-]{8,256})$/.exec(userId);
  return found?.[1] ?? "";
}
