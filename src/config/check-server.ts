/** Rules of `[server]`, `[circuit]`, `[retry]`, `[routing]`, `[admin]` and `[attribution]`. */
import type { CheckInput, CheckReport } from "./check-report.ts";
import { suggestion } from "./nearest.ts";

export function checkServer(input: CheckInput, report: CheckReport): void {
  const { server, circuit, retry, routing, admin, auth, attribution } = input.config;

  if ((server.tlsCert === null) !== (server.tlsKey === null)) {
    const [given, missing] = server.tlsCert === null ? ["tls_key", "tls_cert"] : ["tls_cert", "tls_key"];
    report.error(["server", given], `found without ${missing}; allowed: both or neither`);
  }
  if (server.tlsCert !== null && server.engine === "hyper-express")
    report.error(
      ["server", "engine"],
      'found "hyper-express" with tls_cert; allowed: "auto" | "node", which serves TLS',
    );
  if (server.metricsListen !== null && server.port !== 0 && server.metricsListen.port === server.port) {
    if (server.host === null || server.host === server.metricsListen.host)
      report.error(
        ["server", "metrics_listen"],
        `found port ${server.port}, which is server.port; allowed: another port`,
      );
  }
  if (server.corsOrigins.includes("*") && auth.anonymous !== "none")
    report.warn(
      ["server", "cors_origins"],
      'with "*" any web page a user opens may call without a key and spend the owner\'s money',
    );

  if (circuit.cooldown > circuit.cooldownMax)
    report.error(["circuit", "cooldown"], "found more than cooldown_max; allowed: at most cooldown_max");
  if (retry.backoffBase > retry.backoffMax)
    report.error(["retry", "backoff_base"], "found more than backoff_max; allowed: at most backoff_max");

  const wanted = routing.defaultProvider;
  if (wanted !== "" && !input.providerNames.has(wanted))
    report.error(
      ["routing", "default_provider"],
      `found ${JSON.stringify(wanted)}, which is no provider of this file${suggestion(wanted, input.providerNames)}`,
    );

  if (admin.token !== "" && !/^[!-~]{1,512}$/.test(admin.token))
    report.error(
      ["admin", "token"],
      "found a token that no header can carry; allowed: up to 512 printable characters without white space",
    );
  if (admin.token === "" && admin.allow.some((peer) => /\/0$/.test(peer)))
    report.warn(["admin", "allow"], "lets everybody administrate this gateway without a token");
  if (auth.anonymous === "any")
    report.warn(["auth", "anonymous"], "lets everybody who can reach this gateway spend the owner's money");

  // cloud.google.com/resource-manager/docs/labels-overview: lower case, 63 characters each.
  for (const [key, value] of Object.entries(attribution)) {
    if (!/^[a-z][a-z0-9_-]{0,62}$/.test(key))
      report.error(
        ["attribution", key],
        "is no label name; allowed: lower-case letters, digits, _ and -, at most 63",
      );
    if (!/^[a-z0-9_-]{0,63}$/.test(value))
      report.error(
        ["attribution", key],
        "found a value that is no label; allowed: lower-case letters, digits, _ and -, at most 63",
      );
  }
}
