/** What an error body says that is not in any vendor's shape. */

const MAX_MESSAGE = 300;

/** First words of a body that is no JSON of the vendor: an HTML page, an empty answer. */
export function plainMessage(status: number, body: string): string {
  const text = body.slice(0, 4096).replace(/<(?:style|script)[\s\S]*?<\/(?:style|script)>/gi, " ");
  const words = text
    .replace(/<[^>]*>/g, " ")
    .replace(/\s+/g, " ")
    .trim();
  return words === "" ? `status ${status} without a message` : words.slice(0, MAX_MESSAGE);
}
