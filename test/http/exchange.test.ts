/** The exchange contract, on both engines: requests as sent, bodies whole and in pieces, answers, streams, aborts. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { test } from "node:test";
import { headerValue } from "../../src/base/headers.ts";
import type { Exchange, ExchangeListener } from "../../src/http/exchange.ts";
import { ENGINES, startEngine } from "./support/engines.ts";
import { bodyOf, headOf, sendRaw, statusOf } from "./support/raw-client.ts";

const IGNORE: ExchangeListener = { onAbort() {}, onDrain() {} };
const PATHS = ["/v1/x", "/other/x", "/v1/b"]; // the hot prefix, the router and (where nothing follows) the hot path

function echoHandler(exchange: Exchange): void {
  exchange.listen(IGNORE);
  const pieces: Buffer[] = [];
  exchange.receive({
    onChunk(chunk, last) {
      pieces.push(Buffer.from(chunk));
      if (!last) return;
      const { method, path, query, peer, contentLength, headers } = exchange;
      const body = Buffer.concat(pieces).toString("latin1");
      const answer = { method, path, query, peer, contentLength, headers, body };
      exchange.respond(200, ["content-type", "application/json"], JSON.stringify(answer));
    },
  });
}

async function fetchBody(port: number): Promise<Buffer> {
  const answer = await fetch(`http://127.0.0.1:${port}/v1/s`);
  return Buffer.from(await answer.arrayBuffer());
}

for (const kind of ENGINES) {
  for (const path of PATHS) {
    test(`${kind} ${path}: the request arrives as it was sent`, async (t) => {
      const { port, errors } = await startEngine(t, kind, echoHandler);
      const body = "x".repeat(300);
      const { bytes } = await sendRaw(
        port,
        `POST ${path}%2f/./a?b=%41&c HTTP/1.1\r\nHost: h\r\nX-Two: 1\r\nx-two: 2\r\nContent-Length: 300\r\nConnection: close\r\n\r\n${body}`,
      );
      assert.equal(statusOf(bytes), 200);
      const seen = JSON.parse(bodyOf(bytes));
      assert.equal(seen.method, "POST");
      assert.equal(seen.path, `${path}%2f/./a`);
      assert.equal(seen.query, "b=%41&c");
      assert.equal(seen.contentLength, 300);
      assert.equal(seen.body, body);
      assert.equal(seen.peer.address, "127.0.0.1");
      assert.equal(headerValue(seen.headers, "host"), "h");
      assert.deepEqual(
        seen.headers.filter((_: string, i: number) => seen.headers[i - (i % 2)] === "x-two"),
        ["x-two", "1", "x-two", "2"],
      );
      assert.match(headOf(bytes), /\r\ndate: /);
      assert.match(headOf(bytes), /\r\ncontent-length: \d+/);
      assert.doesNotMatch(headOf(bytes), /uwebsockets/);
      assert.deepEqual(errors, []);
    });

    test(`${kind} ${path}: a chunked body in single bytes arrives whole`, async (t) => {
      const { port } = await startEngine(t, kind, echoHandler);
      const request = `POST ${path} HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n`;
      const { bytes } = await sendRaw(port, [...request], { until: (b) => bodyOf(b).endsWith("}") });
      const seen = JSON.parse(bodyOf(bytes));
      assert.equal(seen.contentLength, -1);
      assert.equal(seen.body, "hello!");
    });
  }

  test(`${kind}: what only looks like a hot path is told as it was sent`, async (t) => {
    const { port } = await startEngine(t, kind, echoHandler, { hotPaths: ["/v1/b"] });
    const targets = [
      "/v1/b",
      "/v1/b/",
      "/v1//b",
      "//v1/b",
      "/v1/B",
      "/v1/%62",
      "/v1/./b",
      "/v1/b;x",
      "/v1/b:x",
      "/v1/b?",
      "/v1/b?q=1",
      "/v1/bb",
      "/v1",
    ];
    for (const target of targets) {
      const request = `POST ${target} HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi`;
      const { bytes } = await sendRaw(port, request);
      const seen = JSON.parse(bodyOf(bytes));
      assert.equal(seen.path, target.split("?")[0], target);
      assert.equal(seen.query, target.split("?")[1] ?? "", target);
    }
    for (const method of ["GET", "PUT", "post"]) {
      const { bytes } = await sendRaw(
        port,
        `${method} /v1/b HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n`,
      );
      if (kind === "node" && method === "post")
        assert.equal(statusOf(bytes), 400); // llhttp knows no such method
      else assert.equal(JSON.parse(bodyOf(bytes)).method, method);
    }
  });

  test(`${kind}: ten requests in turn on one connection`, async (t) => {
    const { port, engine } = await startEngine(t, kind, echoHandler);
    const socket = connect(port, "127.0.0.1");
    await once(socket, "connect");
    for (let i = 0; i < 10; i++) {
      socket.write(`POST /v1/${i} HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n${i}.`);
      const [data] = (await once(socket, "data")) as [Buffer];
      assert.equal(JSON.parse(bodyOf(data)).body, `${i}.`);
    }
    assert.deepEqual(engine.stats(), { connections: 1, exchanges: 0 });
    socket.destroy();
  });

  test(`${kind}: HEAD, 204 and 304 have no body, and the connection goes on`, async (t) => {
    const { port } = await startEngine(t, kind, (exchange) => {
      exchange.listen(IGNORE);
      if (exchange.path === "/v1/stream") {
        exchange.start(200, ["content-type", "text/plain"]);
        exchange.write(Buffer.from("body"));
        exchange.end();
      } else exchange.respond(Number(exchange.query || 200), [], "body");
    });
    const { bytes } = await sendRaw(
      port,
      [
        "HEAD /v1/a HTTP/1.1\r\nHost: h\r\n\r\n",
        "HEAD /v1/stream HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET /v1/a?204 HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET /v1/a?304 HTTP/1.1\r\nHost: h\r\n\r\n",
        "HEAD / HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET /end HTTP/1.1\r\nHost: h\r\n\r\n",
      ],
      { gapMs: 60, until: (b) => b.toString().endsWith("body") },
    );
    const statuses = bytes.toString().match(/HTTP\/1\.1 \d+/g);
    assert.deepEqual(
      statuses,
      ["200", "200", "204", "304", "200", "200"].map((status) => `HTTP/1.1 ${status}`),
    );
    assert.equal(bytes.toString().split("body").length, 2);
    assert.match(headOf(bytes), /content-length: 4/);
  });

  test(`${kind}: a stream comes in chunks and ends cleanly`, async (t) => {
    const { port } = await startEngine(t, kind, (exchange) => {
      exchange.listen(IGNORE);
      exchange.start(200, ["content-type", "text/event-stream"]);
      let n = 0;
      const timer = setInterval(() => {
        assert.equal(exchange.write(Buffer.from(`data: ${n}\n\n`)), true);
        if (++n < 3) return;
        clearInterval(timer);
        exchange.end();
      }, 5);
    });
    const { bytes } = await sendRaw(port, "GET /v1/s HTTP/1.1\r\nHost: h\r\n\r\n", {
      until: (b) => b.toString().endsWith("\r\n0\r\n\r\n"),
    });
    assert.match(headOf(bytes), /transfer-encoding: chunked/);
    assert.equal(bodyOf(bytes), "9\r\ndata: 0\n\n\r\n9\r\ndata: 1\n\n\r\n9\r\ndata: 2\n\n\r\n0\r\n\r\n");
  });

  test(`${kind}: a stream of declared length keeps it, a short one is cut`, async (t) => {
    const { port } = await startEngine(t, kind, (exchange) => {
      exchange.listen(IGNORE);
      exchange.start(200, ["content-length", "10"]);
      setTimeout(() => {
        exchange.write(Buffer.from("01234"));
        if (exchange.query === "") exchange.write(Buffer.from("56789"));
        exchange.end();
      }, 5);
    });
    const whole = await sendRaw(port, "GET /v1/s HTTP/1.1\r\nHost: h\r\n\r\n", {
      until: (b) => b.toString().endsWith("56789"),
    });
    assert.match(headOf(whole.bytes), /content-length: 10/);
    assert.doesNotMatch(headOf(whole.bytes), /chunked/);
    assert.equal(bodyOf(whole.bytes), "0123456789");
    const short = await sendRaw(port, "GET /v1/s?short HTTP/1.1\r\nHost: h\r\n\r\n");
    assert.notEqual(short.outcome, "open");
    assert.ok(bodyOf(short.bytes).length < 10);
  });

  test(`${kind}: pieces of one turn come in order whatever their sizes, with the end behind them`, async (t) => {
    const pieces = [1, 100, 4096, 4097, 20_000, 1, 70_000, 3, 5].map((size, i) => Buffer.alloc(size, 97 + i));
    const { port, errors } = await startEngine(t, kind, (exchange) => {
      exchange.listen(IGNORE);
      exchange.start(200, []);
      setTimeout(() => {
        for (const piece of pieces) exchange.write(piece);
        exchange.end();
      }, 5);
    });
    assert.deepEqual(await fetchBody(port), Buffer.concat(pieces));
    assert.deepEqual(errors, []);
  });

  test(`${kind}: more small pieces in one turn than may wait: the writer is stopped, and told to go on`, async (t) => {
    const piece = Buffer.alloc(1000, "x");
    const { port } = await startEngine(t, kind, (exchange) => {
      let left = 1000;
      const go = () => {
        while (left > 0) {
          left--;
          if (!exchange.write(piece)) return;
        }
        exchange.end();
      };
      exchange.listen({ onAbort() {}, onDrain: go });
      exchange.start(200, []);
      setTimeout(go, 5);
    });
    assert.equal((await fetchBody(port)).length, 1_000_000);
  });

  test(`${kind}: what was written before a cut in the same turn arrives`, async (t) => {
    const { port } = await startEngine(t, kind, (exchange) => {
      exchange.listen(IGNORE);
      exchange.start(200, []);
      setTimeout(() => {
        exchange.write(Buffer.from("half"));
        exchange.destroy();
      }, 5);
    });
    const { bytes, outcome } = await sendRaw(port, "GET /v1/s HTTP/1.1\r\nHost: h\r\n\r\n");
    assert.notEqual(outcome, "open");
    assert.match(bodyOf(bytes), /half/);
    assert.equal(bytes.includes("0\r\n\r\n"), false);
  });

  test(`${kind}: a destroyed stream is cut, never ended`, async (t) => {
    const { port } = await startEngine(t, kind, (exchange) => {
      exchange.listen({ onAbort: () => assert.fail("no abort after destroy"), onDrain() {} });
      exchange.start(200, []);
      exchange.write(Buffer.from("half"));
      setTimeout(() => exchange.destroy(), 10);
    });
    const { bytes, outcome } = await sendRaw(port, "GET /v1/s HTTP/1.1\r\nHost: h\r\n\r\n");
    assert.notEqual(outcome, "open");
    assert.equal(bytes.includes("0\r\n\r\n"), false);
  });

  for (const [name, request] of [
    ["before the answer", "GET /v1/a HTTP/1.1\r\nHost: h\r\n\r\n"],
    ["inside the body", "POST /v1/a HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nabc"],
    ["inside the body, router", "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nabc"],
    ["inside a stream", "GET /v1/stream HTTP/1.1\r\nHost: h\r\n\r\n"],
  ] as const) {
    test(`${kind}: a client that goes ${name} is noticed at once, and only once`, async (t) => {
      const calls: string[] = [];
      let opened: (exchange: Exchange) => void = () => {};
      const arrived = new Promise<Exchange>((resolve) => {
        opened = resolve;
      });
      const { port, engine } = await startEngine(t, kind, (exchange) => {
        exchange.listen({ onAbort: () => calls.push("abort"), onDrain() {} });
        exchange.receive({ onChunk() {}, onAbort: () => calls.push("body") });
        if (exchange.path === "/v1/stream") exchange.start(200, []);
        if (exchange.path === "/v1/stream") exchange.write(Buffer.from("x"));
        opened(exchange);
      });
      const socket = connect(port, "127.0.0.1", () => socket.write(request));
      const exchange = await arrived;
      await new Promise((resolve) => setTimeout(resolve, 20));
      socket.destroy();
      await waitUntil(() => exchange.closed);
      assert.deepEqual(calls, request.startsWith("POST") ? ["body", "abort"] : ["abort"]);
      assert.equal(engine.stats().exchanges, 0);
      assert.equal(exchange.write(Buffer.from("late")), false);
      exchange.respond(200, [], "late");
      exchange.end();
      exchange.destroy();
      assert.equal(engine.stats().exchanges, 0);
    });
  }

  test(`${kind}: an answer given when the engine closes, or after the client has gone, harms nothing`, async (t) => {
    const waiting: Exchange[] = [];
    const { engine, port, errors } = await startEngine(t, kind, (exchange) => {
      exchange.listen(IGNORE);
      exchange.receive({ onChunk() {} });
      waiting.push(exchange);
    });
    const open = async () => {
      const socket = connect(port, "127.0.0.1");
      socket.on("error", () => {}); // a reset is one way to be cut
      socket.resume();
      socket.write("GET /v1/x HTTP/1.1\r\nHost: h\r\n\r\n");
      while (waiting.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
      return { socket, exchange: waiting.pop() };
    };
    const gone = await open();
    gone.socket.resetAndDestroy();
    while (engine.stats().exchanges > 0) await new Promise((resolve) => setTimeout(resolve, 5));
    gone.exchange?.respond(200, [], "nobody is there");
    const cut = await open();
    const closed = once(cut.socket, "close");
    cut.exchange?.respond(200, [], "fine");
    engine.close();
    await closed;
    while (engine.stats().exchanges > 0) await new Promise((resolve) => setTimeout(resolve, 5));
    assert.deepEqual(errors, []);
  });

  test(`${kind}: a handler that throws ends its own exchange only`, async (t) => {
    const { port, errors } = await startEngine(t, kind, (exchange) => {
      assert.equal(typeof exchange.query, "string");
      if (exchange.query === "bad") throw new Error("bug");
      exchange.listen(IGNORE);
      exchange.respond(200, [], "fine");
    });
    for (const path of PATHS) {
      const bad = await sendRaw(port, `GET ${path}?bad HTTP/1.1\r\nHost: h\r\n\r\n`);
      assert.notEqual(bad.outcome, "open");
    }
    const good = await sendRaw(port, "GET /v1/x HTTP/1.1\r\nHost: h\r\n\r\n", {
      until: (b) => b.toString().endsWith("fine"),
    });
    assert.equal(statusOf(good.bytes), 200);
    assert.equal(errors.length, PATHS.length);
  });

  test(`${kind}: line breaks in header values do not make headers`, async (t) => {
    const { port } = await startEngine(t, kind, (exchange) => {
      exchange.listen(IGNORE);
      exchange.respond(200, ["x-note", "a\r\nset-cookie: b=c\0\n"], "ok");
    });
    const { bytes } = await sendRaw(port, "GET /v1/x HTTP/1.1\r\nHost: h\r\n\r\n", {
      until: (b) => b.toString().endsWith("ok"),
    });
    assert.match(headOf(bytes), /\r\nx-note: a set-cookie: b=c *\r\n/);
  });

  test(`${kind}: nor do they where heads like it went out before, or where requests like it came`, async (t) => {
    const notes = [
      "plain",
      "other",
      "a\r\nset-cookie: b=c",
      "plain",
      "b\nset-cookie: b=c",
      "\u010d\u010aset-cookie: b",
    ];
    const { port } = await startEngine(t, kind, (exchange) => {
      exchange.listen(IGNORE);
      const note = notes[Number(exchange.query)] ?? "";
      exchange.respond(
        200,
        ["x-note", note, "x-length", `${exchange.contentLength}`],
        headerValue(exchange.headers, "x-asked"),
      );
    });
    for (let round = 0; round < 3; round++)
      for (let i = 0; i < notes.length; i++) {
        const body = "x".repeat(1 + ((round + i) % 3));
        const { bytes } = await sendRaw(
          port,
          `POST /v1/x?${i} HTTP/1.1\r\nHost: h\r\nX-Asked: ask${i >> 1}end\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
          { until: (b) => b.toString().endsWith(`ask${i >> 1}end`) },
        );
        const head = headOf(bytes);
        assert.equal(statusOf(bytes), 200);
        assert.doesNotMatch(head, /^set-cookie/im);
        assert.match(head, new RegExp(`\r\nx-length: ${body.length}\r\n`));
        if (notes[i] === "plain" || notes[i] === "other")
          assert.match(head, new RegExp(`\r\nx-note: ${notes[i]}\r\n`));
      }
  });
}

async function waitUntil(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 200 && !condition(); i++) await new Promise((resolve) => setTimeout(resolve, 10));
  assert.ok(condition());
}
