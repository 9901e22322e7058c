/** TLS of the client: contexts that trust the built-in roots and a provider's own CA, and errors that say what is wrong with whom. */
import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import tls, { type SecureContext } from "node:tls";
import type { TlsReason, UpstreamFailure } from "./client.ts";

/** Contexts are dear (the roots are parsed): one for the built-in roots, one per set of extra CAs. */
export interface TlsContexts {
  /** `ca`: PEM certificates besides the built-in roots and NODE_EXTRA_CA_CERTS. Throws on one that cannot be read. */
  contextFor(ca: readonly string[]): SecureContext;
}

const MAX_CONTEXTS = 64;

/** `extraCaFile`: what Node itself was told to trust besides its roots. */
export function createTlsContexts(extraCaFile = process.env["NODE_EXTRA_CA_CERTS"] ?? ""): TlsContexts {
  const made = new Map<string, SecureContext>();
  return {
    contextFor(ca) {
      const key = ca.join("\0");
      const known = made.get(key);
      if (known !== undefined) return known;
      if (made.size >= MAX_CONTEXTS) made.clear();
      const context = createContext(ca, extraCaFile);
      made.set(key, context);
      return context;
    },
  };
}

/**
 * The `ca` option would replace the roots; adding to the context keeps them, but not what Node read from
 * NODE_EXTRA_CA_CERTS (seen on 20.20): that is added again.
 */
function createContext(ca: readonly string[], extraCaFile: string): SecureContext {
  const context = tls.createSecureContext({ minVersion: "TLSv1.2" });
  if (ca.length === 0) return context;
  const store = context.context as { addCACert(pem: string): void };
  for (const pem of certificatesIn(ca)) {
    new X509Certificate(pem); // throws where addCACert would say nothing
    store.addCACert(pem);
  }
  for (const pem of certificatesIn([readExtra(extraCaFile)])) store.addCACert(pem);
  return context;
}

function certificatesIn(bundles: readonly string[]): string[] {
  return bundles.flatMap(
    (bundle) => bundle.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? [],
  );
}

function readExtra(file: string): string {
  if (file === "") return "";
  try {
    return readFileSync(file, "utf8");
  } catch {
    return ""; // Node has warned of it at its start
  }
}

const REASONS: Readonly<Record<string, TlsReason>> = {
  CERT_HAS_EXPIRED: "expired",
  CERT_NOT_YET_VALID: "not_yet_valid",
  ERR_TLS_CERT_ALTNAME_INVALID: "wrong_host",
  UNABLE_TO_GET_ISSUER_CERT: "unknown_ca",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "unknown_ca",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "unknown_ca",
  SELF_SIGNED_CERT_IN_CHAIN: "unknown_ca",
  INVALID_CA: "unknown_ca",
  CERT_UNTRUSTED: "unknown_ca",
  DEPTH_ZERO_SELF_SIGNED_CERT: "self_signed",
  ECONNRESET: "handshake",
  EPROTO: "handshake",
};

/** `wall`: the local clock, shown where it may be what is wrong. */
export function tlsFailure(error: NodeJS.ErrnoException, where: string, wall: number): UpstreamFailure {
  const code = error.code ?? "";
  const tlsReason = REASONS[code] ?? (code.startsWith("ERR_SSL_") ? "handshake" : "other");
  return { cause: "tls", tlsReason, message: `TLS to ${where} failed: ${explain(tlsReason, error, wall)}` };
}

function explain(reason: TlsReason, error: NodeJS.ErrnoException, wall: number): string {
  const clock = `the local clock says ${new Date(wall).toISOString()}`;
  switch (reason) {
    case "expired":
      return `its certificate has expired (${clock})`;
    case "not_yet_valid":
      return `its certificate is not valid yet (${clock})`;
    case "wrong_host":
      return `its certificate is for another host (${(error as { reason?: string }).reason ?? error.message})`;
    case "unknown_ca":
      return "its certificate is signed by an authority that is not trusted here (ca_file adds one)";
    case "self_signed":
      return "its certificate is self-signed (ca_file makes it trusted)";
    case "handshake":
      return `the handshake broke off (${error.code ?? error.message})`;
    default:
      return error.code ?? error.message;
  }
}
