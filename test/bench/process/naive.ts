/** The naive proxy: hyper-express, undici's request, and JSON parsed and written both ways. */
import { readFileSync } from "node:fs";
import { Server } from "hyper-express";
import { Pool } from "undici";

const port = Number(process.env["UPSTREAM_PORT"]);
const ca = process.env["CA"];
const pool = new Pool(`${ca === undefined ? "http" : "https"}://127.0.0.1:${port}`, {
  connections: 2048,
  ...(ca === undefined ? {} : { connect: { ca: readFileSync(ca, "utf8") } }),
});
const server = new Server({ max_body_length: 1 << 24 });

server.post("/v1/chat/completions", async (request, response) => {
  const body = (await request.json()) as Record<string, unknown>;
  body["model"] = "gpt-4o-mini";
  const answer = await pool.request({
    method: "POST",
    path: "/v1/chat/completions",
    headers: { "content-type": "application/json", authorization: "Bearer sk-upstream" },
    body: JSON.stringify(body),
  });
  response.json(await answer.body.json());
});

await server.listen(0, "127.0.0.1");
console.log(server.port);
