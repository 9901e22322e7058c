/** Google's credentials for Vertex: what their files say, and the requests that turn them into a bearer token (40-protocols.md 5). */
import { createSign } from "node:crypto";

/** A service account's key file, or what `gcloud auth application-default login` wrote. */
export type GoogleCredentials =
  | {
      readonly type: "service_account";
      readonly email: string;
      readonly privateKey: string;
      readonly keyId: string;
      readonly tokenUri: string;
    }
  | {
      readonly type: "authorized_user";
      readonly clientId: string;
      readonly clientSecret: string;
      readonly refreshToken: string;
      /** Project that is billed for the calls; "" = the user's own. */
      readonly quotaProject: string;
    };

export interface TokenRequest {
  readonly method: "GET" | "POST";
  readonly url: string;
  /** Header lines. */
  readonly headers: string;
  readonly body: string;
}

const SCOPE = "https://www.googleapis.com/auth/cloud-platform";
const TOKEN_URI = "https://oauth2.googleapis.com/token";
const LIFETIME_SECONDS = 3600;
const METADATA_PATH = "/computeMetadata/v1/instance/service-accounts/default/token";

/** Throws an Error for the operator; it never repeats the file's text. */
export function parseCredentials(text: string): GoogleCredentials {
  let file: Record<string, unknown>;
  try {
    const parsed: unknown = JSON.parse(text);
    file = typeof parsed === "object" && parsed !== null ? (parsed as Record<string, unknown>) : {};
  } catch {
    throw new Error("it is not JSON");
  }
  const read = (name: string): string => {
    const value = file[name];
    if (typeof value !== "string" || value === "") throw new Error(`it lacks "${name}"`);
    return value;
  };
  const optional = (name: string): string => (typeof file[name] === "string" ? String(file[name]) : "");
  switch (file["type"]) {
    case "service_account":
      return {
        type: "service_account",
        email: read("client_email"),
        privateKey: read("private_key"),
        keyId: optional("private_key_id"),
        tokenUri: optional("token_uri") || TOKEN_URI,
      };
    case "authorized_user":
      return {
        type: "authorized_user",
        clientId: read("client_id"),
        clientSecret: read("client_secret"),
        refreshToken: read("refresh_token"),
        quotaProject: optional("quota_project_id"),
      };
    default:
      throw new Error('its type is neither "service_account" nor "authorized_user"');
  }
}

/** `now` in seconds since 1970. Throws an Error when the private key cannot be used. */
export function tokenRequest(credentials: GoogleCredentials, now: number): TokenRequest {
  const form = new URLSearchParams();
  let url = TOKEN_URI;
  if (credentials.type === "service_account") {
    url = credentials.tokenUri;
    form.set("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer");
    form.set("assertion", signAssertion(credentials, now));
  } else {
    form.set("grant_type", "refresh_token");
    form.set("client_id", credentials.clientId);
    form.set("client_secret", credentials.clientSecret);
    form.set("refresh_token", credentials.refreshToken);
  }
  const headers = "content-type: application/x-www-form-urlencoded\r\n";
  return { method: "POST", url, headers, body: form.toString() };
}

/** `host` as in `GCE_METADATA_HOST`. */
export function metadataRequest(host: string): TokenRequest {
  return {
    method: "GET",
    url: `http://${host}${METADATA_PATH}`,
    headers: "metadata-flavor: Google\r\n",
    body: "",
  };
}

export interface GoogleToken {
  readonly token: string;
  readonly expiresInSeconds: number;
}

/** Throws an Error for the operator; Google's own words are in it, the token never. */
export function parseToken(status: number, body: string): GoogleToken {
  let answer: Record<string, unknown> = {};
  try {
    const parsed: unknown = JSON.parse(body);
    if (typeof parsed === "object" && parsed !== null) answer = parsed as Record<string, unknown>;
  } catch {
    // Told below by its status.
  }
  const token = answer["access_token"];
  const seconds = answer["expires_in"];
  // A token becomes a header line: only what RFC 6750 allows in one.
  if (status === 200 && typeof token === "string" && /^[\w.~+/=-]+$/.test(token)) {
    return { token, expiresInSeconds: typeof seconds === "number" && seconds > 0 ? seconds : 0 };
  }
  const said = [answer["error"], answer["error_description"]].filter((text) => typeof text === "string");
  throw new Error(`status ${status}${said.length === 0 ? "" : `: ${said.join(", ").slice(0, 200)}`}`);
}

function signAssertion(
  account: Extract<GoogleCredentials, { type: "service_account" }>,
  now: number,
): string {
  const header = { alg: "RS256", typ: "JWT", ...(account.keyId === "" ? {} : { kid: account.keyId }) };
  const claims = {
    iss: account.email,
    scope: SCOPE,
    aud: account.tokenUri,
    iat: now,
    exp: now + LIFETIME_SECONDS,
  };
  const text = `${encode(header)}.${encode(claims)}`;
  try {
    return `${text}.${createSign("RSA-SHA256").update(text).sign(account.privateKey).toString("base64url")}`;
  } catch {
    throw new Error('its "private_key" cannot be read');
  }
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}
