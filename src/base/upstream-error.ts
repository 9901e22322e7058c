/** What an upstream said of an error, read out of its own shape by its protocol; classification decides on it. */

export interface UpstreamErrorInfo {
  /** HTTP status, or the one the in-band error stands for; 0 = unknown. */
  status: number;
  /** The vendor's code or type, lower case; "" = none. */
  code: string;
  message: string;
  /** Member at fault, when the vendor names one. */
  param: string | null;
  /** Wait the body asks for (Gemini RetryInfo), milliseconds. */
  retryAfterMs: number | null;
  /** True when the body had the vendor's error shape (an HTML page has not). */
  recognised: boolean;
}
