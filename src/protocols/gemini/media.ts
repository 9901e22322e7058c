/** Media types: what a URL's extension says, and audio formats in Chat's words and Gemini's. */

/** What the Gemini API takes by URL (public or signed https, since January 2026). */
const BY_EXTENSION: Readonly<Record<string, string>> = {
  png: "image/png",
  jpg: "image/jpeg",
  jpeg: "image/jpeg",
  gif: "image/gif",
  webp: "image/webp",
  heic: "image/heic",
  heif: "image/heif",
  bmp: "image/bmp",
  pdf: "application/pdf",
  txt: "text/plain",
  md: "text/markdown",
  csv: "text/csv",
  html: "text/html",
  json: "application/json",
  mp4: "video/mp4",
  mov: "video/mov",
  webm: "video/webm",
  mpeg: "video/mpeg",
  mp3: "audio/mp3",
  wav: "audio/wav",
};

/** The media type by the extension of a URL's path; "" when it has none that is known. */
export function mimeOfUrl(url: string): string {
  const path = url.split(/[?#]/, 1)[0] ?? "";
  const extension = /\.([A-Za-z0-9]{2,5})$/.exec(path)?.[1];
  return extension === undefined ? "" : (BY_EXTENSION[extension.toLowerCase()] ?? "");
}

/** `audio/x-wav` -> `wav`, `audio/mpeg` -> `mp3`: Chat's `input_audio.format`. */
export function audioFormat(mime: string): string {
  const type = (mime.split(";")[0] ?? "").slice("audio/".length).replace(/^x-/, "");
  return type === "mpeg" ? "mp3" : type === "wave" ? "wav" : type;
}
