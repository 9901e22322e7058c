/** Images of a message or a prompt. */
import { badRequest } from "../../base/failure.ts";
import { cleanBase64, sniffMime } from "../data-url.ts";
import { type JsonObject, readList } from "../json-value.ts";
import type { Part } from "../neutral.ts";
import type { DecodeContext } from "../protocol.ts";

/** Images are bare base64; the type is read off the first bytes. */
export function decodeImages(doc: JsonObject, path: string, context: DecodeContext): Part[] {
  return (readList(doc, "images", path) ?? []).map((image, index) => {
    const where = path === "" ? `images[${index}]` : `${path}.images[${index}]`;
    if (typeof image !== "string") throw badRequest(`${where} must be base64`, "invalid_type", where);
    const data = cleanBase64(image, context.large);
    const mime = sniffMime(data, context.large) || "image/jpeg";
    return { type: "image", source: { kind: "base64", mime, data } };
  });
}
