/** Mints a `responseId` for answers of vendors that have none. */
import type { Random } from "../../base/clock.ts";
import { mintToken } from "../call-ids.ts";

/** 23 characters, as long as Google's own. */
export function randomId(random: Random): string {
  return mintToken(random, 23);
}
