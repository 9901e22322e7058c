/** A forward proxy on loopback: CONNECT and absolute-form, with or without credentials, over TCP or TLS. */
import http from "node:http";
import https from "node:https";
import net, { type AddressInfo, type Socket } from "node:net";

export interface ForwardProxy {
  readonly port: number;
  /** What it was asked: `CONNECT host:port` or `GET http://…`. */
  readonly asked: readonly string[];
  /** Answer of the proxy to every CONNECT, instead of a tunnel. */
  refusal: string;
  close(): Promise<void>;
}

export interface ForwardProxyOptions {
  /** Expected value of `proxy-authorization`. */
  readonly authorization?: string;
  readonly tls?: { readonly cert: string; readonly key: string };
}

export async function startForwardProxy(options: ForwardProxyOptions = {}): Promise<ForwardProxy> {
  const sockets = new Set<Socket>();
  const asked: string[] = [];
  const track = (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => {}); // either side may break off
    socket.on("close", () => sockets.delete(socket));
  };
  const allowed = (request: http.IncomingMessage) =>
    options.authorization === undefined || request.headers["proxy-authorization"] === options.authorization;

  const server =
    options.tls === undefined
      ? http.createServer()
      : (https.createServer(options.tls) as unknown as http.Server);
  const proxy = { port: 0, asked, refusal: "", close };
  server.on("connection", track);
  server.on("request", (request, response) => {
    asked.push(`${request.method} ${request.url}`);
    if (!allowed(request)) {
      response.writeHead(407).end("credentials, please");
      return;
    }
    const { "proxy-authorization": _, ...headers } = request.headers;
    const onward = http.request(request.url ?? "", { method: request.method ?? "GET", headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    onward.on("error", () => response.writeHead(502).end());
    request.pipe(onward);
  });
  server.on("connect", (request: http.IncomingMessage, socket: Socket) => {
    asked.push(`CONNECT ${request.url}`);
    if (proxy.refusal !== "") return void socket.end(proxy.refusal);
    if (!allowed(request)) return void socket.end("HTTP/1.1 407 Credentials\r\nContent-Length: 0\r\n\r\n");
    const url = new URL(`http://${request.url}`);
    const onward = net.connect(Number(url.port), url.hostname.replace(/^\[|\]$/g, ""), () => {
      socket.write("HTTP/1.1 200 Established\r\n\r\n");
      socket.pipe(onward).pipe(socket);
    });
    track(onward);
    onward.on("error", () => socket.end("HTTP/1.1 502 Bad Gateway\r\n\r\n"));
    socket.on("close", () => onward.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  proxy.port = (server.address() as AddressInfo).port;

  async function close(): Promise<void> {
    for (const socket of sockets) socket.destroy();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  }
  return proxy;
}
