/** CONNECT: asks a forward proxy for a tunnel to the origin (RFC 9110 9.3.6). */
import type { Socket } from "node:net";
import type { Origin, UpstreamFailure } from "./client.ts";
import { authority } from "./origin.ts";
import { type ParseState, ResponseParser } from "./response-parser.ts";

/** `done` gets null once the tunnel stands. Returns what cancels. In a probe any answer but "the origin cannot be reached" will do. */
export function openTunnel(
  socket: Socket,
  origin: Origin,
  probe: boolean,
  done: (failure: UpstreamFailure | null) => void,
): () => void {
  const target = authority(origin.host, origin.port);
  const proxy = origin.proxy;
  const name = proxy === null ? "" : authority(proxy.host, proxy.port);
  let status = 0;
  const parser = new ResponseParser({
    onHead: (code) => {
      status = code;
    },
    onBody: () => {},
  });
  parser.begin(true);

  function finish(problem: string | null): void {
    socket.removeListener("data", onData);
    socket.removeListener("error", onError);
    socket.removeListener("end", onEnd);
    if (problem === null) socket.pause();
    done(
      problem === null
        ? null
        : { cause: "proxy", message: `the proxy ${name} ${problem} (asked for ${target})` },
    );
  }
  function onData(bytes: Buffer): void {
    const state = parser.feed(bytes, bytes.length);
    if (state !== "more") finish(verdict(state));
  }
  function verdict(state: ParseState): string | null {
    if (state === "refused") return `sent an answer that ${parser.refusal}`;
    if (probe && status !== 502 && status !== 503 && status !== 504) return null;
    if (status === 407) return "wants credentials, or other ones (407)";
    if (status < 200 || status > 299) return `refused with status ${status}`;
    return parser.surplus ? "sent bytes into the tunnel" : null;
  }
  const onError = (error: NodeJS.ErrnoException) => finish(`broke off (${error.code ?? error.message})`);
  const onEnd = () => finish("closed the connection");

  socket.on("data", onData);
  socket.on("error", onError);
  socket.on("end", onEnd);
  const credentials =
    proxy === null || proxy.authorization === "" ? "" : `proxy-authorization: ${proxy.authorization}\r\n`;
  socket.write(`CONNECT ${target} HTTP/1.1\r\nhost: ${target}\r\n${credentials}\r\n`, "latin1");
  return () => socket.destroy();
}
